import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable

import pytest
from unsteady_server import CONTENT, Server, server_fixture

from tellapart.errors import OfflineError
from tellapart.weights.offline import VARIABLE, forbid_network, offline

__all__ = ["server_fixture"]  # pytest finds fixtures among the names of a module


def connect(family: int, address: tuple[object, ...]) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as made:
        made.settimeout(0.1)
        made.connect(address)


def send(host: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendto(b"x", (host, 9))


ATTEMPTS: dict[str, Callable[[], object]] = {
    "connect": lambda: connect(socket.AF_INET, ("192.0.2.1", 80)),
    "connect to IPv6": lambda: connect(socket.AF_INET6, ("2001:db8::1", 80, 0, 0)),
    "create_connection": lambda: socket.create_connection(("192.0.2.1", 80), timeout=0.1),
    "datagram": lambda: send("192.0.2.1"),
    "getaddrinfo": lambda: socket.getaddrinfo("host.invalid", 443),
    "gethostbyname": lambda: socket.gethostbyname("host.invalid"),
    "urlopen": lambda: urllib.request.urlopen("http://host.invalid/", timeout=0.1),
}


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is forbidden in this process until the test ends; sets the variable by itself."""
    monkeypatch.setenv(VARIABLE, "0")  # so that it is put back
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    forbid_network()


def test_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not offline()
    monkeypatch.setenv(VARIABLE, "1")
    assert offline()


@pytest.mark.usefixtures("forbidden")
@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_an_attempt_to_reach_a_network_is_an_error(attempt: Callable[[], object]) -> None:
    with pytest.raises(OfflineError, match=r"tried to reach (192\.0\.2\.1|2001:db8::1|host\.invalid)") as caught:
        attempt()
    assert "Next:" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("forbidden")
def test_this_machine_stays_within_reach(server: Server) -> None:
    with urllib.request.urlopen(server.address("/good"), timeout=2) as answer:
        assert answer.read() == CONTENT
    assert socket.getaddrinfo("localhost", 80)
    assert socket.getaddrinfo(None, 0, flags=socket.AI_PASSIVE)
    with pytest.raises(ConnectionRefusedError):
        connect(socket.AF_INET, ("127.8.8.8", 1))
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"x")
        assert right.recv(1) == b"x"
    with socket.socket(socket.AF_UNIX) as unix, pytest.raises(FileNotFoundError):
        unix.connect("/no/such/socket")


def test_without_it_nothing_is_refused(forbidden: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert forbidden is None
    monkeypatch.delenv(VARIABLE)
    send("127.0.0.1")
    with pytest.raises(OSError, match=r".") as caught:
        socket.getaddrinfo("host.invalid", 443)
    assert not isinstance(caught.value, OfflineError)


def test_sub_processes_know_it(forbidden: None) -> None:
    assert forbidden is None
    script = "from tellapart.weights.offline import offline; print(offline())"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert result.stdout.strip() == "True"
