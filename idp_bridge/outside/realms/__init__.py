"""Bring Keycloak realms to what `realm-config/` declares; never touches people, only configuration."""
