"""A door that closes: who is inside is served, who comes asks again later, every answer says goodbye."""

from __future__ import annotations

import socket
import threading

import pytest

from idp_bridge.outside.door import Door, close_listener


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def connect(listener: socket.socket, timeout: float = 0.5) -> socket.socket:
    return socket.create_connection(listener.getsockname(), timeout)


def test_nobody_new_comes_in_and_who_waits_is_served(listener):
    with connect(listener) as before:
        close_listener(listener)
        with pytest.raises(TimeoutError):
            connect(listener)
        before.sendall(b"in time")
        inside, _ = listener.accept()
        with inside:
            assert inside.recv(20) == b"in time"
            inside.sendall(b"answered")
        assert before.recv(20) == b"answered"


def test_a_closed_door_is_no_refusal(listener):
    """Who was turned away asks again, and reaches whoever listens there by then."""
    came, address = threading.Event(), listener.getsockname()
    close_listener(listener)

    def ask() -> None:
        with socket.create_connection(address, 10):
            came.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert not came.wait(0.3)
    listener.close()
    with socket.create_server(address):
        assert came.wait(5)
    asking.join(5)


@pytest.mark.parametrize("closing", [False, True])
def test_an_answer_says_that_its_connection_ends(closing):
    sent = []

    def app(_environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"x"]

    door = Door(app)
    door.closing = closing
    assert list(door({}, lambda status, headers: sent.append((status, dict(headers))))) == [b"x"]
    assert sent[0][0] == "200 OK"
    assert ("Connection" in sent[0][1]) == closing


def test_elsewhere_no_signal_is_taken():
    Door(lambda *_: []).watch()
    assert "door" not in [thread.name for thread in threading.enumerate()]
