"""Check the realm files, the comparison, and what a real Keycloak does with them."""
