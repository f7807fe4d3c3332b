"""Measure the desk's queue and search with many links."""
