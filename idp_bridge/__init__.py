"""Holds the version of idp-bridge; nobody imports from here."""

__version__ = "0.1.0"
