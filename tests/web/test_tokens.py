"""Tokens that reach the bridge: only the realm's own, for us, of the right kind and time, pass."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from idp_bridge.settings import Realm
from idp_bridge.web import tokens
from idp_bridge.web.front_door import Options, build
from tests.conftest import AMARA, OTHER
from tests.faults.proxy import GARBAGE, NOT_JSON, UNAVAILABLE, FaultyProxy, Mode
from tests.web.issuer import KEY, OTHER_KEY, REALMS, Provider, serving

PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PLANTED = "http://localhost:1/realms/parents"
"""Issuer of the sessions that tests/conftest.py plants."""


@pytest.fixture
def provider():
    with serving() as provider:
        yield provider


@pytest.fixture
def issuer(provider) -> tokens.Issuer:
    return tokens.issuer("parents", provider.issuer("parents"), "idp-bridge")


def logout(provider: Provider, key: rsa.RSAPrivateKey = KEY, **claims: Any) -> str:
    """Return what Keycloak sends: `typ: logout+jwt`, RS256, two minutes, no nonce."""
    now = int(time.time())
    body = {
        "iss": provider.issuer("parents"),
        "aud": "idp-bridge",
        "sub": AMARA,
        "sid": f"sid-{AMARA}",
        "iat": now,
        "exp": now + 120,
        "jti": "jti-1",
        "typ": "Logout",
        "events": {tokens.BACKCHANNEL_EVENT: {}},
        **claims,
    }
    known = {name: value for name, value in body.items() if value is not None}
    return jwt.encode(known, key, algorithm="RS256", headers={"kid": "k1", "typ": "logout+jwt"})


def part(value: object) -> str:
    """Return one part of a token made by hand."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def body_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def unsigned(token: str) -> str:
    return f"{part({'alg': 'none', 'kid': 'k1'})}.{part(body_of(token))}."


def signed_with_the_public_key(token: str, secret: bytes = PUBLIC) -> str:
    """Return a token whose HMAC key is what everybody can read."""
    signed = f"{part({'alg': 'HS256', 'kid': 'k1', 'typ': 'JWT'})}.{part(body_of(token))}"
    mark = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def tampered(token: str) -> str:
    head, _, mark = token.split(".")
    return f"{head}.{part({**body_of(token), 'sub': OTHER})}.{mark}"


def with_own_key(token: str) -> str:
    """Return a token that brings its own key along and asks to be checked with it."""
    numbers = OTHER_KEY.public_key().public_numbers()
    own = {"kty": "RSA", "kid": "k1", "n": _number(numbers.n), "e": _number(numbers.e)}
    return jwt.encode(body_of(token), OTHER_KEY, algorithm="RS256", headers={"kid": "k1", "jwk": own})


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


FORGED = {
    "tampered": tampered,
    "unsigned": unsigned,
    "signed with the public key as a secret": signed_with_the_public_key,
    "signed with nothing as a secret": lambda token: signed_with_the_public_key(token, b""),
    "bringing its own key": with_own_key,
    "of an unknown key": lambda token: jwt.encode(
        body_of(token), OTHER_KEY, algorithm="RS256", headers={"kid": "k2"}
    ),
    "without a key's name": lambda token: jwt.encode(body_of(token), KEY, algorithm="RS256"),
    "without a signature": lambda token: token.rpartition(".")[0] + ".",
    "cut short": lambda token: token[: len(token) // 2],
    "of two parts": lambda token: token.rpartition(".")[0],
    "of another signature": lambda token: token[:-6] + "AAAAAA",
    "empty": lambda token: "",
    "not a token": lambda token: "ünïcode\x00" * 50,
    "a list for a header": lambda token: f"{part([])}.{part(body_of(token))}.AAAA",
    "a list for a body": lambda token: f"{token.split('.')[0]}.{part([])}.{token.split('.')[2]}",
}
NOT_FOR_US: dict[str, dict[str, Any]] = {
    "for another client": {"aud": "oneview"},
    "for several others": {"aud": ["oneview", "focus"]},
    "for nobody": {"aud": None},
    "of another issuer": {"iss": "http://localhost:1/realms/parents"},
    "of no issuer": {"iss": None},
    "too old": {"exp": int(time.time()) - 60},
    "without an end": {"exp": None},
    "of tomorrow": {"iat": int(time.time()) + 86400},
}


def test_our_own_id_token_passes(issuer, provider):
    claims = tokens.read_id_token(issuer, provider.token(sub=AMARA, aud=["idp-bridge", "oneview"]))
    assert claims["sub"] == AMARA


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_id_token_is_refused(issuer, provider, kind):
    with pytest.raises(tokens.TokenRefused):
        tokens.read_id_token(issuer, FORGED[kind](provider.token(sub=AMARA)))


@pytest.mark.parametrize("kind", [*NOT_FOR_US, "of nobody"])
def test_an_id_token_not_for_us_is_refused(issuer, provider, kind):
    changed = NOT_FOR_US.get(kind, {"sub": None})
    with pytest.raises(tokens.TokenRefused):
        tokens.read_id_token(issuer, provider.token(**changed))


@pytest.mark.parametrize("kind", ["Bearer", "Refresh", "Logout", "Offline"])
def test_another_kind_of_token_is_no_id_token(issuer, provider, kind):
    with pytest.raises(tokens.TokenRefused):
        tokens.read_id_token(issuer, provider.token(typ=kind))


def test_the_other_realms_token_is_refused_here(issuer, provider):
    with pytest.raises(tokens.TokenRefused):
        tokens.read_id_token(issuer, provider.token("district"))


def test_a_logout_token_is_no_id_token_and_the_reverse(issuer, provider):
    with pytest.raises(tokens.TokenRefused):
        tokens.read_id_token(issuer, logout(provider))
    with pytest.raises(tokens.TokenRefused):
        tokens.read_logout_token(issuer, provider.token())


WIRES: dict[str, dict[str, Any]] = {
    "refuses": {"mode": Mode.REFUSE},
    "resets": {"mode": Mode.RESET},
    "ends at once": {"mode": Mode.CUT, "after_bytes": 0},
    "ends in the middle": {"mode": Mode.CUT, "after_bytes": 250},
    "says 503": {"mode": Mode.ANSWER, "reply": UNAVAILABLE},
    "says something else": {"mode": Mode.ANSWER, "reply": NOT_JSON},
    "says nonsense": {"mode": Mode.ANSWER, "reply": GARBAGE},
}


@pytest.mark.parametrize("fault", WIRES)
def test_keys_that_cannot_be_fetched_are_not_the_tokens_fault(provider, fault):
    with FaultyProxy(int(provider.url.rpartition(":")[2])) as wire:
        where = tokens.issuer("parents", f"http://127.0.0.1:{wire.port}/realms/parents", "idp-bridge")
        ours = provider.token(iss=where.iss)
        wire.switch(**WIRES[fault])
        began = time.monotonic()
        with pytest.raises(tokens.KeysUnreachable):
            tokens.read_id_token(where, ours)
        assert time.monotonic() - began < 5
        wire.mend()
        assert tokens.read_id_token(where, ours)["sub"] == "sub-1"


# --- back-channel logout -------------------------------------------------------------------------


@pytest.fixture
def signed_in(web, house, sessions, provider, clock, sign_in_parent):
    """A parent's browser whose session is of the provider's realm; the house's clock is the machine's."""
    clock.at = datetime.fromtimestamp(int(time.time()), UTC)
    browser = sign_in_parent()
    realms = {name: Realm(issuer=provider.issuer(name), client_secret="secret") for name in REALMS}
    options = Options("http://localhost", "s" * 32, 8, web.config["DISTRICT"], realms, web.config["APPS"])
    app = build(house, sessions, options)  # CSRF stays on: the route must be exempt by itself
    client = app.test_client()
    cookie = browser.get_cookie("idp_bridge")
    client.set_cookie("idp_bridge", cookie.value)
    _move(sessions, provider, cookie.value, clock)
    assert still(client)
    return client


def _move(sessions, provider, id: str, clock) -> None:
    from idp_bridge.web.session import _hash

    content = sessions.load(_hash(id), clock.now())
    content["person"]["iss"] = provider.issuer("parents")
    sessions.save(_hash(id), content, clock.now(), datetime.fromisoformat(content["ends"]))


def still(client) -> bool:
    """Tell whether the browser is signed in still."""
    return client.get("/children").status_code == 200


def send(client, token: str, realm: str = "parents"):
    return client.post(f"/signin/{realm}/backchannel-logout", data={"logout_token": token})


@pytest.mark.parametrize("named", [{}, {"sid": None}, {"sub": None}])
def test_a_logout_token_ends_the_session_it_names(signed_in, provider, named):
    answer = send(signed_in, logout(provider, **named))
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert not still(signed_in)


@pytest.mark.parametrize("named", [{"sid": "sid-of-another", "sub": None}, {"sub": OTHER, "sid": None}])
def test_a_logout_token_of_somebody_else_ends_nothing_here(signed_in, provider, named):
    assert send(signed_in, logout(provider, **named)).status_code == 200
    assert still(signed_in)


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_logout_token_ends_nothing(signed_in, provider, kind):
    assert send(signed_in, FORGED[kind](logout(provider))).status_code == 400
    assert still(signed_in)


@pytest.mark.parametrize("kind", NOT_FOR_US)
def test_a_logout_token_not_for_us_ends_nothing(signed_in, provider, kind):
    assert send(signed_in, logout(provider, **NOT_FOR_US[kind])).status_code == 400
    assert still(signed_in)


WRONG: dict[str, dict[str, Any]] = {
    "no event": {"events": None},
    "another event": {"events": {"http://schemas.openid.net/event/other": {}}},
    "the event in a text": {"events": f"x {tokens.BACKCHANNEL_EVENT}"},
    "the event in a list": {"events": [tokens.BACKCHANNEL_EVENT]},
    "a number for events": {"events": 5},
    "a nonce": {"nonce": "n"},
    "an empty nonce": {"nonce": ""},
    "nobody named": {"sub": None, "sid": None},
    "no id": {"jti": None},
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_well_signed_token_that_is_no_logout_token_ends_nothing(signed_in, provider, kind):
    assert send(signed_in, logout(provider, **WRONG[kind])).status_code == 400
    assert still(signed_in)


def test_a_token_of_the_other_realm_ends_nothing_at_either_address(signed_in, provider):
    district = logout(provider, iss=provider.issuer("district"))
    assert send(signed_in, district).status_code == 400
    assert send(signed_in, district, "district").status_code == 200  # its own realm, where nobody is in
    assert still(signed_in)


def test_a_replayed_token_ends_nothing_again(signed_in, sign_in_parent, provider, sessions, clock):
    token = logout(provider)
    assert send(signed_in, token).status_code == 200
    assert not still(signed_in)
    sign_in_parent()
    _move(sessions, provider, AMARA, clock)
    assert still(signed_in)
    assert send(signed_in, token).status_code == 200
    assert still(signed_in)
    assert send(signed_in, logout(provider, jti="jti-2")).status_code == 200
    assert not still(signed_in)


def test_only_a_post_with_a_token_is_understood(signed_in):
    assert signed_in.get("/signin/parents/backchannel-logout").status_code == 405
    assert signed_in.post("/signin/parents/backchannel-logout").status_code == 400
    assert signed_in.post("/signin/master/backchannel-logout").status_code == 404
    assert still(signed_in)


def test_when_the_keys_cannot_be_fetched_keycloak_may_try_again(signed_in, provider):
    token = logout(provider)
    provider.hang_s = 6
    began = time.monotonic()
    assert send(signed_in, token).status_code == 503
    assert time.monotonic() - began < 5
    provider.hang_s = 0
    assert send(signed_in, token).status_code == 200
    assert not still(signed_in)
