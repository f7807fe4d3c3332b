"""Sign in as the bridge's service account, for the checks that look through its eyes; never keeps a token."""

from __future__ import annotations

from typing import Any

import requests

from idp_bridge.doctor.examining import Installation

WAIT_S = 5


def token(here: Installation) -> str:
    """Return an access token. Raises RequestException, KeyError and ValueError."""
    keycloak = here.settings.keycloak
    answer = requests.post(
        f"{keycloak.url}/realms/{keycloak.realm}/protocol/openid-connect/token",
        data={"grant_type": "client_credentials"},
        auth=(keycloak.client_id, keycloak.client_secret.get_secret_value()),
        timeout=WAIT_S,
    )
    return str(answer.json()["access_token"])


def get(here: Installation, token: str, path: str, **params: str) -> Any:
    """Return the answer to a GET under the realm's Admin API. Raises RequestException."""
    keycloak = here.settings.keycloak
    return requests.get(
        f"{keycloak.url}/admin/realms/{keycloak.realm}/{path}",
        params=params,
        headers={"Authorization": f"Bearer {token}"},
        timeout=WAIT_S,
    )
