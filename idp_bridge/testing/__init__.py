"""Serve the tests of relying apps: sign in as a parent of these students; never needs Keycloak."""
