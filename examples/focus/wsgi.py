"""Hold the object the server serves; never more than that."""

import os

from examples.oneview.app import FOCUS, make_app

app = make_app(FOCUS, os.environ)
