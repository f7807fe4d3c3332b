"""Hold the object a server serves (`granian --interface wsgi idp_bridge.wsgi:app`); never more."""

from idp_bridge.app import make_web
from idp_bridge.settings import load

app = make_web(load())
