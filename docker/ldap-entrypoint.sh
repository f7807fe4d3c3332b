#!/bin/sh
# Make certificates and the tree once, then be slapd. The native stack does the same in tools/stack/ldap.py.
set -eu
home=/var/lib/district tls=/tls
cd "$home"

if [ ! -e "$tls/ldap.pem" ]; then
  echo "subjectAltName=DNS:localhost,IP:127.0.0.1" >names
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout ca.key -out "$tls/ca.pem" \
    -subj "/CN=idp-bridge sample district CA" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
  openssl req -newkey rsa:2048 -nodes -keyout ldap.key -out ldap.csr -subj "/CN=localhost"
  openssl x509 -req -in ldap.csr -CA "$tls/ca.pem" -CAkey ca.key -CAcreateserial -days 825 \
    -out "$tls/ldap.pem" -extfile names
fi

if [ ! -e db/data.mdb ]; then
  mkdir -p db tls
  cp /etc/district/district.schema .
  cp "$tls/ca.pem" "$tls/ldap.pem" ldap.key tls/
  sed -e "s#@DIR@#$home#g" -e "s#@ADMIN_PASSWORD@#$LDAP_ADMIN_PASSWORD#" /etc/district/slapd.conf.in >slapd.conf
  /usr/sbin/slapadd -q -f slapd.conf -l /sample/district.ldif
fi

exec /usr/sbin/slapd -d 0 -f slapd.conf -h "ldap://127.0.0.1:$LDAP_PORT ldaps://127.0.0.1:$LDAPS_PORT"
