"""Hold the object the server serves; never more than that."""

import os

from examples.oneview.app import ONEVIEW, make_app

app = make_app(ONEVIEW, os.environ)
