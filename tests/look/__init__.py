"""Tests of the look: stylesheet, page parts, Keycloak themes."""
