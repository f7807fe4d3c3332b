"""Hold the object a server serves (`granian --interface wsgi idp_bridge.wsgi:app`); never more."""

from idp_bridge.app import make_web
from idp_bridge.outside.door import Door
from idp_bridge.settings import load

app = make_web(load())
door = Door(app.wsgi_app)
app.wsgi_app = door  # type: ignore[method-assign]
door.watch()
