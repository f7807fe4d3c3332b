"""Examine an installation, one file for each rule that must hold; never changes anything."""
