"""Start the command line for `python -m idp_bridge` and the console script; never does anything else."""

from idp_bridge.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
