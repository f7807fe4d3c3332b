"""Test the roster: reading bundles, importing them, and the invented district."""
