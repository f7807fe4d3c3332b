"""Start OneView: `python -m examples.oneview`; settings come from the environment."""

from examples.oneview.serving import serve

if __name__ == "__main__":
    serve("examples.oneview.wsgi:app", "ONEVIEW_URL")
