"""Run commands in this process with an environment of their own."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from idp_bridge.cli import main

CLOSED = 18499
"""Nobody listens on this port of loopback."""
SECRETS = {
    "IDP_BRIDGE_WEB__SECRET_KEY": "hidden-web-secret-key-of-32-characters",
    "IDP_BRIDGE_WEB__CODE_KEY": "hidden-code-key-of-more-than-32-characters",
    "IDP_BRIDGE_PARENTS_REALM__CLIENT_SECRET": "hidden-parents-secret",
    "IDP_BRIDGE_DISTRICT_REALM__CLIENT_SECRET": "hidden-district-secret",
    "IDP_BRIDGE_KEYCLOAK__CLIENT_SECRET": "hidden-keycloak-secret",
    "IDP_BRIDGE_DIRECTORY__BIND_PASSWORD": "hidden-ldap-secret",
    "IDP_BRIDGE_MAIL__PASSWORD": "hidden-mail-secret",
}
HIDDEN = "hidden-"
"""What every secret begins with, so that none can be missed in an output."""


@pytest.fixture
def environment(store, tmp_path) -> dict[str, str]:
    """Everything the bridge needs, on the test's own database; every other system is down."""
    url = store.engine.url.render_as_string(hide_password=False)
    return {
        **SECRETS,
        "IDP_BRIDGE_DATABASE__URL": url,
        "IDP_BRIDGE_WORKER__QUEUE_FILE": str(tmp_path / "queue.db"),
        "IDP_BRIDGE_WEB__URL": "http://localhost:18400",
        "IDP_BRIDGE_DISTRICT__NAME": "Heron County Schools",
        "IDP_BRIDGE_DISTRICT__EMAIL_DOMAINS": json.dumps(["district.example"]),
        "IDP_BRIDGE_DISTRICT__HELP_PHONE": "(321) 555-0142",
        "IDP_BRIDGE_PARENTS_REALM__ISSUER": f"http://localhost:{CLOSED}/realms/parents",
        "IDP_BRIDGE_DISTRICT_REALM__ISSUER": f"http://localhost:{CLOSED}/realms/district",
        "IDP_BRIDGE_KEYCLOAK__URL": f"http://localhost:{CLOSED}",
        "IDP_BRIDGE_DIRECTORY__URLS": json.dumps([f"ldaps://localhost:{CLOSED}"]),
        "IDP_BRIDGE_DIRECTORY__BASE_DN": "dc=district,dc=example",
        "IDP_BRIDGE_DIRECTORY__BIND_DN": "cn=idp-bridge,ou=services,dc=district,dc=example",
        "IDP_BRIDGE_DIRECTORY__CA_FILE": str(tmp_path / "ca.pem"),
    }


@pytest.fixture
def run(environment, monkeypatch) -> Callable[..., Result]:
    """Return a function that runs one command; no output may hold a secret, no end a traceback."""

    def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
        import os

        for name in os.environ:
            if name.startswith(("IDP_BRIDGE_", "KEYCLOAK_")):
                monkeypatch.delenv(name)
        result = CliRunner().invoke(main, arguments, env=environment if env is None else env)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert HIDDEN not in result.output
        return result

    return run
