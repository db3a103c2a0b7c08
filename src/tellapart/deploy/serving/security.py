"""Who may ask: the host that was asked for, the site that asks, the token.

A page of another site can make a browser send requests here (CSRF), and can give its own name this machine's address
to read the answers too (DNS rebinding). The first shows in the header Origin, the second in the header Host.
"""

import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from tellapart.deploy.serving.options import ServerSettings
from tellapart.deploy.serving.refusals import RefusedError

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self)",
}
_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OPEN_PATHS: Final = frozenset({"/", "/healthz", "/readyz"})
_OPEN_FOLDER: Final = "/static/"


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


class Guard:
    """Checks a request by its headers, before anything else is read.

    Args:
        settings: Address, further hosts and token.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._names = {name.lower().strip("[]") for name in (settings.host, *settings.allow_hosts)} | _LOCAL_NAMES
        # An attacker's page can rebind a name, never an address: any address may be asked where we listen at all.
        self._any_address = not is_loopback(settings.host)
        self._token = None if settings.token is None else settings.token.encode("utf-8")

    def check(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Let a request pass, or say why not.

        Args:
            method: GET, POST and so on.
            path: Without the query.
            headers: Names in small letters.

        Raises:
            RefusedError: 421, 403 or 401.
        """
        host = headers.get("host", "")
        if not self._knows(host):
            raise RefusedError(421, "this Host is not served here; accepted: the server's own address, --allow-host")
        if not _same_site(method, host, headers):
            raise RefusedError(403, "the request comes from a page of another site (Origin); accepted: this one's")
        if self._token is not None and not _is_open(path) and not self._shows_token(headers):
            raise RefusedError(
                401,
                "the token is missing or wrong; accepted: Authorization: Bearer TOKEN",
                {"WWW-Authenticate": "Bearer"},
            )

    def _knows(self, host: str) -> bool:
        name = _name_of(host)
        return name in self._names or (self._any_address and _is_address(name))

    def _shows_token(self, headers: Mapping[str, str]) -> bool:
        kind, _, shown = headers.get("authorization", "").partition(" ")
        given = shown.strip().encode("latin-1", "replace")
        return hmac.compare_digest(given, self._token or b"") and kind.lower() == "bearer"


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER)


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _same_site(method: str, host: str, headers: Mapping[str, str]) -> bool:
    origin = headers.get("origin")
    if origin is None:
        # Browsers name the origin of every POST; an old one may leave it out and still say this.
        return method in {"GET", "HEAD"} or headers.get("sec-fetch-site", "none") in {"none", "same-origin"}
    scheme, mark, asker = origin.partition("://")
    if not mark or scheme not in {"http", "https"}:
        return False
    port = ":443" if scheme == "https" else ":80"
    return asker.lower().removesuffix(port) == host.lower().removesuffix(port)
