"""Hold the operator's larger commands, one group a file; `cli.py` puts them together."""
