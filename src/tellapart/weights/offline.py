"""No network, where the user says so: from then on an attempt to reach one is an error.

Python tells an audit hook of every connection, look-up of a name and datagram
before it is made. What compiled libraries do by themselves passes it by: ONNX
Runtime's reports to its makers are switched off in `tellapart/__init__.py`. A hook cannot be taken away again, so the
environment variable is the switch, which sub-processes inherit too.
"""

import os
import socket
import sys
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from tellapart.errors import OfflineError

VARIABLE: Final = "TELLAPART_OFFLINE"
# Event of Python's audit table -> which of its arguments is the address or name.
_EVENTS: Final = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
    "socket.getnameinfo": 0,
}
_hooked = False


def offline() -> bool:
    """Whether the user has forbidden the network: `TELLAPART_OFFLINE=1`, or `--offline`, which sets it."""
    return os.environ.get(VARIABLE) == "1"


def forbid_network() -> None:
    """Make every attempt of this process to reach a network an OfflineError.

    Sockets of the machine itself (Unix sockets, loopback addresses) stay allowed.
    """
    global _hooked  # noqa: PLW0603  a hook stays for the life of the process
    os.environ[VARIABLE] = "1"
    if not _hooked:
        _hooked = True
        sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    place = _EVENTS.get(event)
    if place is None or not offline():
        return
    if place == 1 and arguments[0].family not in {socket.AF_INET, socket.AF_INET6}:
        return  # a Unix socket, or the system's own (netlink): neither leaves this machine
    address = arguments[place]
    host = address[0] if isinstance(address, tuple) else address
    if address is None or is_here(host):
        return
    port = f":{address[1]}" if isinstance(address, tuple) and len(address) > 1 else ""
    raise OfflineError(
        f"Something tried to reach {_text(host)}{port}, and the network is forbidden ({VARIABLE} is 1, or --offline). "
        "Next: leave --offline out, or bring the file here with tellapart weights add FILE"
    )


def is_here(host: Any) -> bool:
    """Whether a host is this machine: loopback, or no address at all (a server that listens)."""
    name = _text(host).strip("[]").partition("%")[0].lower().rstrip(".")
    if name in {"", "none", "localhost"} or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified


def _text(host: Any) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes | bytearray) else str(host)
