"""A watch over every Python process of a command: which addresses it reached for, and which names it looked up.

`sitecustomize.py` in a folder of PYTHONPATH is run by each interpreter at its start, those of worker processes too.
Sockets of compiled libraries pass it by: docs/RELIABILITY.md says what the system's own trace shows of them.
"""

import os
from collections.abc import Mapping
from pathlib import Path

_SCRIPT = """
import sys

_PLACES = {{"socket.bind": 1, "socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1,
            "socket.getaddrinfo": 0, "socket.gethostbyname": 0, "socket.gethostbyaddr": 0}}
_LISTENERS = ("localhost", "127.0.0.1", "::1")
_HERE = (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", b"localhost", b"127.0.0.1")

def _watch(event, arguments):
    if event not in _PLACES:
        return
    address = arguments[_PLACES[event]]
    if _PLACES[event] == 1 and not isinstance(address, tuple):
        return  # a Unix socket: between processes of this machine
    host = address[0] if isinstance(address, tuple) else address
    # Binding to ::1 is how urllib3, which Keras imports, finds out at its import whether there is IPv6.
    if host in (_LISTENERS if event == "socket.bind" else _HERE if {loopback} else ()):
        return
    with open({log!r}, "a") as file:
        file.write("%s %r\\n" % (event, address))
    raise OSError("the guard of this test forbids %s %r" % (event, address))

sys.addaudithook(_watch)
"""


def guarded(folder: Path, *, loopback: bool = False, **variables: str) -> tuple[dict[str, str], Path]:
    """Guard processes, and keep what they reached for.

    Args:
        folder: Made where it is missing.
        loopback: Let them reach addresses of this machine, as a server's client does; else not even these.
        variables: Of the environment, beside those of this process. Proxies are left out.

    Returns:
        The environment for them, and a file of one line an attempt, which is there once something was tried.
    """
    log = folder / "reached.txt"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_SCRIPT.format(log=str(log), loopback=loopback), encoding="utf-8")
    source = str(Path(__file__).parent.parent / "src")
    path = os.pathsep.join([str(folder), source, os.environ.get("PYTHONPATH", "")])
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return _without_offline({**kept, "PYTHONPATH": path, **variables}, variables), log


def _without_offline(environment: dict[str, str], asked: Mapping[str, str]) -> dict[str, str]:
    """Tellapart's own switch would refuse before the guard sees anything."""
    if "TELLAPART_OFFLINE" not in asked:
        environment.pop("TELLAPART_OFFLINE", None)
    return environment
