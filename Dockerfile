# syntax=docker/dockerfile:1
# Four images from one file: keycloak, ldap (a sample district), bridge and examples. See docker-compose.yml.
ARG KEYCLOAK_VERSION=26.7.4
ARG PYTHON_VERSION=3.13

# --- keycloak: the stock server with our themes and password list, built once as its makers advise ------------
FROM quay.io/keycloak/keycloak:${KEYCLOAK_VERSION} AS keycloak
COPY keycloak-theme/ /opt/keycloak/themes/
COPY idp_bridge/web/static/site.css idp_bridge/web/static/brand.css \
     /opt/keycloak/themes/parents/login/resources/css/
COPY realm-config/password-blacklists/ /opt/keycloak/data/password-blacklists/
RUN /opt/keycloak/bin/kc.sh build --db=postgres --health-enabled=true

# --- ldap: slapd with the same configuration as the native stack ----------------------------------------------
FROM debian:bookworm-slim AS ldap
RUN printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slapd ldap-utils openssl \
 && rm -rf /var/lib/apt/lists/*
COPY tools/stack/slapd/ /etc/district/
COPY docker/ldap-entrypoint.sh /usr/local/bin/ldap-entrypoint
RUN mkdir -p /var/lib/district /tls && chown openldap:openldap /var/lib/district /tls
USER openldap
VOLUME ["/var/lib/district", "/tls"]
ENTRYPOINT ["ldap-entrypoint"]

# --- bridge: the package with the versions of requirements.lock, run by nobody in particular ------------------
FROM python:${PYTHON_VERSION}-slim-bookworm AS wheels
WORKDIR /build
COPY pyproject.toml requirements.lock README.md LICENSE ./
# pip takes versions from the lock; its hashes would have to name our own package too.
RUN sed -E '/^ +--hash/d; s/ *\\$//' requirements.lock >versions.txt \
 && python -m venv /opt/idp-bridge
COPY idp_bridge/ idp_bridge/
RUN /opt/idp-bridge/bin/pip install --no-cache-dir --constraint versions.txt babel \
 && for po in $(find idp_bridge -name '*.po'); do /opt/idp-bridge/bin/pybabel compile -i "$po" -o "${po%.po}.mo"; done \
 && /opt/idp-bridge/bin/pip install --no-cache-dir --constraint versions.txt '.[postgres]'

FROM python:${PYTHON_VERSION}-slim-bookworm AS bridge
RUN useradd --system --uid 10001 --home-dir /var/lib/idp-bridge --create-home idp-bridge
COPY --from=wheels /opt/idp-bridge /opt/idp-bridge
COPY realm-config/ /srv/idp-bridge/realm-config/
RUN mkdir /sample && chown idp-bridge /sample
ENV PATH=/opt/idp-bridge/bin:$PATH PYTHONUNBUFFERED=1 \
    BRIDGE_HOST=0.0.0.0 BRIDGE_PORT=8100 BRIDGE_WORKERS=2
WORKDIR /var/lib/idp-bridge
USER idp-bridge
EXPOSE 8100
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["python", "-c", \
  "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['BRIDGE_PORT']}/readyz\", timeout=4)"]
CMD ["sh", "-c", "exec granian --interface wsgi --host \"$BRIDGE_HOST\" --port \"$BRIDGE_PORT\" --workers \"$BRIDGE_WORKERS\" --no-ws --workers-kill-timeout 20 idp_bridge.wsgi:app"]

# --- examples: the relying apps, which need nothing of the bridge but idp_bridge.rp ---------------------------
FROM bridge AS examples
COPY examples/ /srv/idp-bridge/examples/
ENV PYTHONPATH=/srv/idp-bridge
HEALTHCHECK NONE
CMD ["python", "-m", "examples.oneview"]
