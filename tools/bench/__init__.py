"""Measure what must stay fast and what must not be told apart, against an aim each: `make bench`."""
