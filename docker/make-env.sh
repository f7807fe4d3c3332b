#!/usr/bin/env bash
# Write what docker-compose.yml asks for: random secrets, once. Use: docker/make-env.sh && docker compose
# --env-file var/compose.env up --build
set -euo pipefail
cd "$(dirname "$0")/.."
file=var/compose.env
mkdir -p var
[ ! -e "$file" ] || { echo "$file is there already" >&2; exit 0; }
umask 077
for name in KEYCLOAK_ADMIN_PASSWORD POSTGRES_PASSWORD LDAP_ADMIN_PASSWORD LDAP_BIND_PASSWORD BRIDGE_LDAP_PASSWORD \
  BRIDGE_CLIENT_SECRET ONEVIEW_CLIENT_SECRET FOCUS_CLIENT_SECRET SECRET_KEY CODE_KEY; do
  echo "$name=$(openssl rand -hex 24)"
done >"$file"
echo "wrote $file" >&2
