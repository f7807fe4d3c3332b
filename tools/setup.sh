#!/usr/bin/env bash
# Install what this project needs on a fresh Debian 12 or 13: system packages, .venv, a built Keycloak.
# Says what it installs and skips what is there. Run by `make demo` and `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/versions.env

cache="${IDP_BRIDGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/idp-bridge}"
mkdir -p "$cache" var

# One set-up at a time; what an interrupted one left half done is thrown away.
exec 9>"$cache/lock"
flock 9
rm -rf "$cache"/building.* "$cache"/seeding.*

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else say "needs root or sudo to install: $*"; exit 1
  fi
}

missing_packages() {
  # command or file -> the Debian package that brings it
  local want
  for want in python3:python3 openssl:openssl java:default-jre-headless mvn:maven slapd:slapd \
    ldapmodify:ldap-utils redis-server:redis-server chromium:chromium; do
    PATH="$PATH:/usr/sbin" command -v "${want%%:*}" >/dev/null || echo "${want##*:}"
  done
  python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
  compgen -G '/usr/lib/*/libatomic.so.1' >/dev/null || echo libatomic1  # the node inside Playwright wants it
  [ -d /usr/share/fonts/truetype/noto ] || echo fonts-noto-core
  [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
}

install_packages() {
  local packages policy=/usr/sbin/policy-rc.d made=
  packages=$(missing_packages | sort -u)
  [ -n "$packages" ] || return 0
  say "installing with apt:" $packages
  # No service may start by itself: our servers are ordinary processes on ports of their own.
  if [ ! -e "$policy" ]; then
    made=1
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  local status=0
  { as_root apt-get -qq update &&
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
      -o Dpkg::Options::=--force-confold $packages >"$cache/apt.log" 2>&1; } || status=$?
  [ -z "$made" ] || { as_root rm -f "$policy"; trap - EXIT; }
  if [ "$status" != 0 ]; then
    tail -n 20 "$cache/apt.log" >&2
    say "apt failed"; exit 1
  fi
}

install_python() {
  local stamp=.venv/.idp-bridge-stamp wanted
  wanted=$(cat requirements.lock pyproject.toml | sha256sum; python3 --version; pwd)
  [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || return 0
  say "installing Python packages into .venv"
  [ -x .venv/bin/python ] || python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
  printf '%s' "$wanted" >"$stamp"
}

compile_words() {
  local po
  for po in idp_bridge/web/translations/*/LC_MESSAGES/messages.po; do
    [ -e "$po" ] || continue
    [ "${po%.po}.mo" -nt "$po" ] || .venv/bin/pybabel -q compile -i "$po" -o "${po%.po}.mo"
  done
}

install_keycloak() {
  local home="$cache/keycloak-$KEYCLOAK_VERSION" name="keycloak-quarkus-dist-$KEYCLOAK_VERSION.tar.gz" work
  [ ! -e "$home/.built" ] || return 0
  java -version 2>&1 | grep -Eq 'version "(1[7-9]|[2-9][0-9])' || { say "Keycloak needs Java 17 or later"; exit 1; }
  work=$(mktemp -d "$cache/building.XXXXXX")
  if [ ! -e "$cache/downloads/$name" ]; then
    say "fetching Keycloak $KEYCLOAK_VERSION (176 MB)"
    mvn -B -q -C dependency:copy -Dartifact="org.keycloak:keycloak-quarkus-dist:$KEYCLOAK_VERSION:tar.gz" \
      -DoutputDirectory="$work"
    mkdir -p "$cache/downloads"
    mv "$work/$name" "$cache/downloads/$name"
  fi
  echo "$KEYCLOAK_SHA256  $cache/downloads/$name" | sha256sum --check --status || {
    rm "$cache/downloads/$name"
    say "$name is not the file tools/versions.env names; thrown away, run again"; exit 1
  }
  say "building Keycloak $KEYCLOAK_VERSION"
  tar -xzf "$cache/downloads/$name" -C "$work"
  env -i PATH="$PATH" HOME="$HOME" ${JAVA_HOME:+JAVA_HOME="$JAVA_HOME"} \
    "$work/keycloak-$KEYCLOAK_VERSION/bin/kc.sh" build --db=dev-file --health-enabled=true >"$cache/keycloak-build.log" 2>&1 ||
    { tail -n 20 "$cache/keycloak-build.log" >&2; say "kc.sh build failed"; exit 1; }
  touch "$work/keycloak-$KEYCLOAK_VERSION/.built"
  rm -rf "$home" "$home-seed"
  mv "$work/keycloak-$KEYCLOAK_VERSION" "$home"
  rm -rf "$work"
}

seed_keycloak() {
  [ ! -e "$cache/keycloak-$KEYCLOAK_VERSION-seed" ] || return 0
  say "starting Keycloak once, so that it starts sooner from now on"
  .venv/bin/python -m tools.seed_keycloak 9>&-
}

install_packages
install_python
compile_words
install_keycloak
seed_keycloak
