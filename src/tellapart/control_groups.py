"""The control groups of Linux that this process is in: what a container, or a service, may use."""

from contextlib import suppress
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")


def control_groups(controller: str) -> list[Path]:
    """The folder of each group that holds this process, of version 2 and of one controller of version 1.

    A limit of any of them binds. The topmost ones come even where the system does not say which are its own: a
    container sees its own group there. A folder need not exist.

    Args:
        controller: As version 1 names it: "cpu", "memory".
    """
    found = {_ROOT: None, _ROOT / controller: None}  # in order, and each once
    with suppress(OSError, ValueError):
        for line in _OWN.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for kind in ("", controller):
                if kind in controllers.split(","):  # version 2 names no controller
                    top = _ROOT / kind
                    own = top / path.lstrip("/")
                    found |= dict.fromkeys(folder for folder in (own, *own.parents) if folder.is_relative_to(top))
    return list(found)
