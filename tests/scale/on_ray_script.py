"""Run by a test in a process of its own, as Ray takes settings of the environment and leaves pipes open."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from worked import tasks_of, troubled

from tellapart.scale.on_ray import RayEngine

_INTRUDER = "import sys, ray; ray.init(sys.argv[1], logging_level='CRITICAL'); print('in', flush=True)"


def connected(address: str, token: str, seconds: float) -> bool:
    """Whether another process comes in with a token."""
    environment = {**os.environ, "RAY_AUTH_TOKEN": token}
    command = [sys.executable, "-c", _INTRUDER, address]
    try:
        told = subprocess.run(command, env=environment, capture_output=True, timeout=seconds, check=False).stdout
    except subprocess.TimeoutExpired as late:
        told = late.stdout or b""
    return b"in" in told


def main(place: Path) -> None:
    """Run troubled tasks, and tell what came of them."""
    engine = RayEngine(workers=2)
    import ray  # not before: the engine tells it how to guard itself

    running = engine.run(troubled, tasks_of(place, "a", "kill once", "raise", "kill", "b", "c"), b"shared ")
    found = [next(running)]
    address = ray.get_runtime_context().gcs_address
    told = {
        "node": [node["NodeManagerAddress"] for node in ray.nodes()],
        "with_token": connected(address, os.environ["RAY_AUTH_TOKEN"], 120),
        "without": connected(address, "0" * 64, 20),
        "listens": listening(),
    }
    found += running
    told["over"] = not ray.is_initialized()
    told["outcomes"] = [
        (task.inputs["text"], outcome.error, outcome.made and [outcome.made.content.decode(), outcome.made.facts])
        for task, outcome in found
    ]
    sys.stdout.write(json.dumps(told) + "\n")


def listening() -> list[str]:
    """The addresses that processes begun by this one listen at, as Linux tells them."""
    wanted, parents = {os.getpid()}, {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
    for _ in parents:
        wanted |= {child for child, parent in parents.items() if parent in wanted}
    sockets = {one for process in wanted for one in _links(process)}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.add(fields[1].partition(":")[0])
    return sorted(found)


def _links(process: int) -> list[str]:
    found = []
    with suppress(OSError):  # processes end, and their files close, while they are looked at
        for name in os.listdir(f"/proc/{process}/fd"):
            with suppress(OSError):
                found.append(os.readlink(f"/proc/{process}/fd/{name}"))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
