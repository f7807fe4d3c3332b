"""Test the example apps as their users see them; never needs Keycloak."""
