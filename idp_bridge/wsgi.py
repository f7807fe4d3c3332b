"""Hold the object the server serves (`granian --interface wsgi idp_bridge.wsgi:app`); never more than that."""

from idp_bridge.app import make_web
from idp_bridge.settings import load

app = make_web(load())
