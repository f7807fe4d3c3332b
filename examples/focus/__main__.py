"""Start Focus: `python -m examples.focus`; settings come from the environment."""

from examples.oneview.serving import serve

if __name__ == "__main__":
    serve("examples.focus.wsgi:app", "FOCUS_URL")
