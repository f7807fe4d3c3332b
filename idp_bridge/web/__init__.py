"""Turn HTTP into calls of services and answers into pages; never touches SQL, Keycloak admin or LDAP."""
