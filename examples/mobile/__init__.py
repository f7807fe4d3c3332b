"""Stand in for the mobile app: a public client with PKCE that shows the claim it was given."""
