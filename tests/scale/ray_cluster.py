"""A Ray cluster that runs already, as other people's do: one node with its client's server, here on the loopback."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def cluster(cache: Path, gpus: int = 0) -> Iterator[tuple[str, dict[str, str]]]:
    """Start one of two cores.

    Args:
        cache: Of Tellapart on its node.
        gpus: How many it says it has.

    Yields:
        Its address, and the variables that a process needs to be let in.
    """
    inside = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    port = free_port()
    words = {"--port": free_port(), "--ray-client-server-port": port, "--num-cpus": 2, "--num-gpus": gpus}
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--include-dashboard=false"]
    command += ["--node-ip-address=127.0.0.1", *(f"{name}={value}" for name, value in words.items())]
    environment = {**os.environ, **inside, **path, "TELLAPART_CACHE": str(cache)}
    # Its own group: it starts others, which end with it.
    head = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_for(port, head)
        yield f"ray://127.0.0.1:{port}", {**inside, **path}
    finally:
        head.terminate()
        with suppress(subprocess.TimeoutExpired):
            head.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(head.pid, signal.SIGKILL)
        head.wait()


def _wait_for(port: int, head: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert head.poll() is None, "it has ended"
        time.sleep(0.2)
    raise AssertionError("it does not listen")
