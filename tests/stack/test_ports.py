"""Ports: fixed for the demo, changed by the environment, free for tests, refused when taken."""

from __future__ import annotations

import socket
from dataclasses import astuple

import pytest

from tools.stack.ports import FREE_TO, Ports, PortTaken, bindable, variable


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_demo_has_the_ports_the_papers_name(monkeypatch):
    for name in Ports.__dataclass_fields__:
        monkeypatch.delenv(variable(name), raising=False)
    ports = Ports.from_environment()
    assert (ports.keycloak, ports.bridge, ports.oneview, ports.mail) == (8180, 8100, 8110, 8125)


def test_a_variable_moves_one_port(monkeypatch):
    monkeypatch.setenv("IDP_BRIDGE_DEMO_KEYCLOAK_MANAGEMENT_PORT", "19180")
    assert Ports.from_environment().keycloak_management == 19180


@pytest.mark.parametrize("text", ["x", "0", "65536", "-1", "80 80"])
def test_what_is_no_port_is_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("IDP_BRIDGE_DEMO_BRIDGE_PORT", text)
    with pytest.raises(PortTaken, match=f"IDP_BRIDGE_DEMO_BRIDGE_PORT={text}"):
        Ports.from_environment()


def test_a_taken_port_is_named_with_who_wanted_it_and_the_variable(listener):
    with pytest.raises(PortTaken) as refused:
        Ports(bridge=listener, **_free_but("bridge")).check()
    told = f"port {listener} is in use, bridge wants it: set IDP_BRIDGE_DEMO_BRIDGE_PORT"
    assert str(refused.value) == told


def test_every_taken_port_is_told_at_once(listener):
    with socket.create_server(("127.0.0.1", 0)) as another:
        both = {"mail": listener, "smtp": another.getsockname()[1]}
        with pytest.raises(PortTaken) as refused:
            Ports(**both, **_free_but(*both)).check()
    assert len(str(refused.value).splitlines()) == 2


def test_free_ports_differ_and_can_be_taken():
    chosen = astuple(Ports.free())
    assert len(set(chosen)) == len(chosen)
    assert max(chosen) < FREE_TO
    assert all(bindable(port) for port in chosen)
    Ports(*chosen).check()


def test_a_port_with_a_listener_is_not_bindable(listener):
    assert not bindable(listener)


def _free_but(*names: str) -> dict[str, int]:
    free = Ports.free()
    return {name: getattr(free, name) for name in Ports.__dataclass_fields__ if name not in names}
