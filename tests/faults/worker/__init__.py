"""Faults around the worker and Keycloak."""
