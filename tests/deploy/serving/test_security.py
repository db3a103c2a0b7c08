import pytest

from tellapart.deploy.serving.options import ServerSettings
from tellapart.deploy.serving.refusals import RefusedError
from tellapart.deploy.serving.security import HEADERS, Guard, is_loopback


def status_of(guard: Guard, method: str = "GET", path: str = "/model", **headers: str) -> int:
    try:
        guard.check(method, path, {name.replace("_", "-"): value for name, value in headers.items()})
    except RefusedError as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("LOCALHOST", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.2", False), ("localhost.example", False), ("", False)],
)  # fmt: skip
def test_loopback_is_this_machine_alone(host: str, local: bool) -> None:
    assert is_loopback(host) == local


def test_a_rebound_name_is_not_served() -> None:
    guard = Guard(ServerSettings(allow_hosts=("Shop.example",)))
    assert status_of(guard, host="shop.example:443") == 200
    for host in ("evil.example", "shop.example.evil", "shop.example@evil.example", "[", "a:b:c", "192.168.0.7", ""):
        assert status_of(guard, host=host) == 421
    assert status_of(guard) == 421


def test_any_address_may_be_asked_where_all_are_listened_at() -> None:
    guard = Guard(ServerSettings(host="0.0.0.0", token="t" * 16))
    for host in ("192.168.0.7:8000", "[fe80::1]:8000"):
        assert status_of(guard, path="/", host=host) == 200
    assert status_of(guard, path="/", host="evil.example") == 421


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://localhost:8000", 200), ("https://localhost:8000", 200), ("http://localhost", 403), ("null", 403),
     ("http://localhost:8000@evil", 403), ("ftp://localhost:8000", 403), ("", 403)],
)  # fmt: skip
def test_pages_of_other_sites_are_refused(origin: str, status: int) -> None:
    assert status_of(Guard(ServerSettings()), "POST", "/predict", host="localhost:8000", origin=origin) == status


def test_behind_a_proxy_with_tls_the_usual_port_is_left_out() -> None:
    guard = Guard(ServerSettings(allow_hosts=("shop.example",)))
    assert status_of(guard, "POST", host="shop.example", origin="https://shop.example") == 200
    assert status_of(guard, "POST", host="shop.example:443", origin="https://shop.example") == 200


def test_the_token_opens_and_nothing_like_it_does() -> None:
    guard = Guard(ServerSettings(token="correct-horse-battery"))
    assert status_of(guard, host="localhost", authorization="Bearer correct-horse-battery") == 200
    for shown in ("", "Bearer", "Bearer correct-horse", "Bearer correct-horse-battery-", "Basic correct-horse-battery"):
        assert status_of(guard, host="localhost", authorization=shown) == 401
    assert status_of(guard, path="/static/app.js", host="localhost") == 200
    assert status_of(guard, path="/staticky", host="localhost") == 401


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert "unsafe" not in policy
