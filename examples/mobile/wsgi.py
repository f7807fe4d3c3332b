"""Hold the object the server serves; never more than that."""

from examples.mobile.app import make_app

app = make_app()
