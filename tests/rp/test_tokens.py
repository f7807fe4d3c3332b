"""Refuses every token that is not ours, not for us, or not for now."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from idp_bridge.rp.refusals import IssuerDown, TokenRefused
from idp_bridge.rp.tokens import LOGOUT_EVENT, Tokens, issuer_of
from idp_bridge.testing.issuer import FakeIssuer
from idp_bridge.testing.keys import SigningKey
from idp_bridge.testing.people import parent
from idp_bridge.testing.silence import silent_server
from tests.rp.conftest import CLIENT, SECRET

NONCE = "the-nonce"
ACCOUNT = parent(["46554860"])
STRANGER = SigningKey("parents-key")
"""Another key under the same `kid`."""


@pytest.fixture(scope="module")
def issuer():
    with FakeIssuer("parents", CLIENT, SECRET) as running:
        yield running


@pytest.fixture(scope="module")
def other_realm():
    with FakeIssuer("district", CLIENT, SECRET) as running:
        yield running


@pytest.fixture
def tokens(issuer):
    return Tokens(issuer.url, CLIENT, lambda: f"{issuer.url}/certs")


def claims(issuer, **changed):
    made = {**issuer.id_claims(ACCOUNT, nonce=NONCE), **changed}
    return {key: value for key, value in made.items() if value is not None}


def opened(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


def without(name: str, made: dict) -> dict:
    return {key: value for key, value in made.items() if key != name}


def part(value) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def public_pem(issuer) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return issuer.key.private.public_key().public_bytes(serialization.Encoding.PEM, form)


def hs256_with_the_public_key(issuer) -> str:
    """Sign by hand: PyJWT refuses to make this token, an attacker does not."""
    head = part({"alg": "HS256", "typ": "JWT", "kid": issuer.key.kid}) + "." + part(claims(issuer))
    mac = hmac.new(public_pem(issuer), head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def tampered(issuer) -> str:
    head, _, signature = issuer.sign(claims(issuer)).split(".")
    return f"{head}.{part(claims(issuer, sub='parent-2'))}.{signature}"


def unsigned(issuer, alg="none") -> str:
    return part({"alg": alg, "typ": "JWT", "kid": issuer.key.kid}) + "." + part(claims(issuer)) + "."


def in_an_hour() -> int:
    return int(time.time()) + 3600


BAD_ID_TOKENS = {
    "tampered payload": tampered,
    "alg none": unsigned,
    "alg None spelt otherwise": lambda i: unsigned(i, "nOnE"),
    "HS256 with the public key": hs256_with_the_public_key,
    "a stranger's key under our kid": lambda i: STRANGER.sign(claims(i)),
    "a key nobody knows": lambda i: SigningKey("unknown").sign(claims(i)),
    "no kid": lambda i: jwt.encode(claims(i), i.key.private, "RS256"),
    "RS512": lambda i: jwt.encode(claims(i), i.key.private, "RS512", headers={"kid": i.key.kid}),
    "wrong issuer": lambda i: i.sign(claims(i, iss=i.url.replace("parents", "district"))),
    "issuer with a slash more": lambda i: i.sign(claims(i, iss=i.url + "/")),
    "no issuer": lambda i: i.sign(claims(i, iss=None)),
    "wrong audience": lambda i: i.sign(claims(i, aud="focus")),
    "no audience": lambda i: i.sign(claims(i, aud=None)),
    "for us, made for another": lambda i: i.sign(claims(i, aud=[CLIENT, "focus"], azp="focus")),
    "expired": lambda i: i.sign(claims(i, exp=int(time.time()) - 10)),
    "no expiry": lambda i: i.sign(claims(i, exp=None)),
    "issued in the future": lambda i: i.sign(claims(i, iat=in_an_hour())),
    "not valid yet": lambda i: i.sign(claims(i, nbf=in_an_hour())),
    "no iat": lambda i: i.sign(claims(i, iat=None)),
    "no sub": lambda i: i.sign(claims(i, sub=None)),
    "no nonce": lambda i: i.sign(claims(i, nonce=None)),
    "another nonce": lambda i: i.sign(claims(i, nonce="of-another-sign-in")),
    "nonce not text": lambda i: i.sign(claims(i, nonce=[NONCE])),
    "an access token": lambda i: i.sign(i.access_claims(ACCOUNT)),
    "a logout token": lambda i: i.logout_token(ACCOUNT.sub),
    "a refresh token": lambda i: i.sign(claims(i, typ="Refresh")),
    "empty": lambda i: "",
    "not a token": lambda i: "hello.there",
    "two parts": lambda i: ".".join(i.sign(claims(i)).split(".")[:2]),
}


@pytest.mark.parametrize("name", BAD_ID_TOKENS)
def test_a_bad_id_token_is_refused(issuer, tokens, name):
    with pytest.raises(TokenRefused):
        tokens.id_token(BAD_ID_TOKENS[name](issuer), NONCE)


def test_a_good_id_token_gives_its_claims(issuer, tokens):
    assert tokens.id_token(issuer.sign(claims(issuer)), NONCE)["sub"] == ACCOUNT.sub


def test_a_token_of_the_other_realm_is_refused(issuer, other_realm, tokens):
    foreign = other_realm.sign({**other_realm.id_claims(ACCOUNT, nonce=NONCE)})
    with pytest.raises(TokenRefused):
        tokens.id_token(foreign, NONCE)
    disguised = other_realm.sign({**other_realm.id_claims(ACCOUNT, nonce=NONCE), "iss": issuer.url})
    with pytest.raises(TokenRefused):
        tokens.id_token(disguised, NONCE)


def test_an_api_takes_access_tokens_and_nothing_else(issuer, tokens):
    assert tokens.access_token(issuer.sign(issuer.access_claims(ACCOUNT)))["sub"] == ACCOUNT.sub
    for wrong in (
        issuer.sign(claims(issuer)),
        issuer.logout_token("x"),
        issuer.sign({**issuer.access_claims(ACCOUNT), "aud": "account"}),
    ):
        with pytest.raises(TokenRefused):
            tokens.access_token(wrong)


def test_the_issuer_a_token_names_chooses_who_checks_it(issuer):
    assert issuer_of(issuer.sign(claims(issuer))) == issuer.url
    assert issuer_of(issuer.sign(claims(issuer, iss=None))) == ""
    with pytest.raises(TokenRefused):
        issuer_of("nonsense")


def test_a_logout_token_names_a_session_or_all_of_an_account(issuer, tokens):
    one = tokens.logout_token(issuer.logout_token("parent-1", "s-1"))
    assert (one.sub, one.sid) == ("parent-1", "s-1")
    whole = tokens.logout_token(issuer.logout_token("parent-1"))
    assert (whole.sub, whole.sid) == ("parent-1", None)


BAD_LOGOUT_TOKENS = {
    "typ JWT": lambda i: i.sign(opened(i.logout_token("x"))),
    "an ID token": lambda i: i.sign(claims(i)),
    "an ID token with the typ": lambda i: i.sign(claims(i, jti="1"), "logout+jwt"),
    "no event": lambda i: i.logout_token("x", events={}),
    "event not an object": lambda i: i.logout_token("x", events={LOGOUT_EVENT: 1}),
    "events a list": lambda i: i.logout_token("x", events=[LOGOUT_EVENT]),
    "with a nonce": lambda i: i.logout_token("x", nonce="n"),
    "nobody named": lambda i: i.logout_token(None),
    "sub not text": lambda i: i.sign({**opened(i.logout_token("x", "s-1")), "sub": {"any": 1}}, "logout+jwt"),
    "sid not text": lambda i: i.logout_token("x", sid=5),
    "another client's": lambda i: i.logout_token("x", aud="focus"),
    "the other realm's": lambda i: i.logout_token("x", iss=i.url.replace("parents", "district")),
    "expired": lambda i: i.logout_token("x", exp=int(time.time()) - 60),
    "from the future": lambda i: i.logout_token("x", iat=in_an_hour(), exp=in_an_hour() + 60),
    "lives a year": lambda i: i.logout_token("x", exp=int(time.time()) + 31_536_000),
    "no jti": lambda i: i.sign(without("jti", opened(i.logout_token("x"))), "logout+jwt"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_LOGOUT_TOKENS)
def test_a_bad_logout_token_is_refused(issuer, tokens, name):
    with pytest.raises(TokenRefused):
        tokens.logout_token(BAD_LOGOUT_TOKENS[name](issuer))


def test_a_logout_token_works_once(issuer, tokens):
    token = issuer.logout_token("parent-1")
    tokens.logout_token(token)
    with pytest.raises(TokenRefused, match="before"):
        tokens.logout_token(token)


def test_keys_are_fetched_once_and_unknown_ones_do_not_cause_a_storm(issuer, tokens):
    asked = []
    counted = Tokens(issuer.url, CLIENT, lambda: asked.append(1) or f"{issuer.url}/certs")
    counted.id_token(issuer.sign(claims(issuer)), NONCE)
    fetched_at = counted._keys._last_successful_fetch
    for number in range(20):
        with pytest.raises(TokenRefused):
            counted.id_token(SigningKey.sign(_kid(issuer, f"k{number}"), claims(issuer)), NONCE)
    assert counted._keys._last_successful_fetch == fetched_at
    assert len(asked) == 1


def _kid(issuer, kid):
    key = SigningKey.__new__(SigningKey)
    key.kid, key.private = kid, issuer.key.private
    return key


def test_a_silent_key_server_is_an_outage_within_two_seconds(issuer):
    with silent_server() as address:
        started = time.monotonic()
        with pytest.raises(IssuerDown):
            Tokens(issuer.url, CLIENT, lambda: f"{address}/certs").id_token(
                issuer.sign(claims(issuer)), NONCE
            )
        assert time.monotonic() - started < 2.5


def test_a_closed_key_server_is_an_outage(issuer):
    with pytest.raises(IssuerDown):
        Tokens(issuer.url, CLIENT, lambda: "http://127.0.0.1:9/certs").id_token(
            issuer.sign(claims(issuer)), NONCE
        )
