"""Start the mobile page: `python -m examples.mobile`; settings come from the environment."""

from examples.oneview.serving import serve

if __name__ == "__main__":
    serve("examples.mobile.wsgi:app", "MOBILE_URL")
