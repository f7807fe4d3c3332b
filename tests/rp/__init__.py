"""Test what relying apps import; never needs Keycloak."""
