"""A watch over every Python process of a command: which addresses beside this machine's own it reached for.

`sitecustomize.py` in a folder of PYTHONPATH is run by each interpreter at its start, those of worker processes too.
"""

import os
from collections.abc import Mapping
from pathlib import Path

_SCRIPT = """
import sys

def _watch(event, arguments):
    place = {{"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1, "socket.getaddrinfo": 0,
              "socket.gethostbyname": 0, "socket.gethostbyaddr": 0}}.get(event)
    if place is None:
        return
    address = arguments[place]
    host = address[0] if isinstance(address, tuple) else address
    here = (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", b"localhost", b"127.0.0.1")
    if host in here or (place == 1 and not isinstance(address, tuple)):
        return
    with open({log!r}, "a") as file:
        file.write(f"{{event}} {{address!r}}\\n")
    raise OSError(f"the guard of this test forbids {{address!r}}")

sys.addaudithook(_watch)
"""


def guarded(folder: Path, environment: Mapping[str, str] = os.environ) -> tuple[dict[str, str], Path]:
    """Give the environment of guarded processes, and the file that is there once one of them reached for a network."""
    log = folder / "reached.txt"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(_SCRIPT.format(log=str(log)), encoding="utf-8")
    source = str(Path(__file__).parent.parent / "src")
    path = os.pathsep.join([str(folder), source, environment.get("PYTHONPATH", "")])
    return {**environment, "PYTHONPATH": path}, log
