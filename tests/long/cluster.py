"""A Ray cluster of several nodes on one machine: each in namespaces of its own, to be killed or cut off as a whole.

A node has its own network (an address on a bridge), its own process numbers, and its own /tmp/ray and /dev/shm. The
bridge lies in one more network namespace, from which commands are sent: the machine's own network is not touched.
Needs Linux, root and iproute2.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_NET: Final = "10.203.77"
_HUB: Final = "hub"
HEAD: Final = "head"
ADDRESS: Final = f"ray://{_NET}.2:10001"
_STORE: Final = 100_000_000  # bytes of each node's object store
_PRIVATE: Final = (
    "mkdir -p /tmp/ray && mount -t tmpfs tmpfs /tmp/ray && mount -t tmpfs tmpfs /dev/shm && "
    # Process number 1: when it is killed, the system kills all of the node at once, as a power cut would.
    'exec "$@"'
)
_READY: Final = """
import sys, time, ray
ray.init(sys.argv[1], log_to_driver=False, logging_level="ERROR")
while sum(node["Alive"] for node in ray.nodes()) != int(sys.argv[2]):
    time.sleep(0.2)
"""


class Cluster:
    """A head and some workers, of one processor each; as a context it is there, and nothing is left of it.

    Args:
        workers: How many beside the head.
        logs: A folder for what the nodes say.
    """

    def __init__(self, workers: int, logs: Path) -> None:
        self.workers = [f"worker{number}" for number in range(1, workers + 1)]
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",  # else whatever the machine does beside it comes first
        }
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._prefix = f"tellapart-{os.getpid()}-"

    def __enter__(self) -> Self:
        """Lay the bridge and start all nodes."""
        self._logs.mkdir(parents=True, exist_ok=True)
        try:
            self._ip("netns", "add", self._name(_HUB))
            self._inside(_HUB, "link", "set", "lo", "up")
            self._inside(_HUB, "link", "add", "bridge", "type", "bridge")
            self._inside(_HUB, "addr", "add", f"{_NET}.1/24", "dev", "bridge")
            self._inside(_HUB, "link", "set", "bridge", "up")
            for node in (HEAD, *self.workers):
                self.start(node)
            self.wait_for_nodes()
        except BaseException:
            self._clear()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all nodes, and take the namespaces away."""
        self._clear()

    def start(self, node: str) -> None:
        """Start a node anew."""
        self._wire(node)
        words = ["--block", "--num-cpus=1", f"--object-store-memory={_STORE}", f"--node-ip-address={self._at(node)}"]
        if node == HEAD:
            words += ["--head", "--port=6379", "--ray-client-server-port=10001", "--include-dashboard=false"]
        else:
            words += [f"--address={self._at(HEAD)}:6379"]
        command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", _PRIVATE, "sh"]
        command += [sys.executable, "-m", "ray.scripts.scripts", "start", *words]
        with (self._logs / f"{node}.log").open("ab") as log:
            self._running[node] = subprocess.Popen(
                self.within(node, *command), env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        if node == HEAD:
            self._wait_for_port(node)

    def wait_for_nodes(self) -> None:
        """Until all that were started belong to the cluster."""
        command = self.within(_HUB, sys.executable, "-c", _READY, ADDRESS, str(len(self._running)))
        for _ in range(5):  # Ray gives its client's server half a minute to start, which a busy machine exceeds
            done = subprocess.run(
                command, env=self.environment, capture_output=True, text=True, timeout=300, check=False
            )
            if not done.returncode:
                return
        raise RuntimeError(done.stderr)

    def send(self, command: list[str], place: Path) -> "subprocess.Popen[str]":
        """A command of the user, beside the cluster."""
        return subprocess.Popen(
            self.within(_HUB, *command),
            cwd=place,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill(self, node: str) -> int:
        """Kill all processes of a node at once, with SIGKILL; tell how many there were."""
        processes = self.processes(node)
        self._kill(node)
        return len(processes)

    def kill_worker(self, node: str) -> bool:
        """Kill a process of a node that works on tasks; whether there was one."""
        lines = {process: _line(process) for process in self.processes(node)}
        for sign in ("ray::_worked", "ray::IDLE"):
            for process, line in lines.items():
                if line.startswith(sign):
                    os.kill(process, signal.SIGKILL)
                    return True
        return False

    def cut(self, node: str) -> None:
        """Pull the cable of a node: its processes go on, and nobody hears of it."""
        self._inside(_HUB, "link", "set", node, "down")

    def mend(self, node: str) -> None:
        """Put the cable back."""
        self._inside(_HUB, "link", "set", node, "up")

    def processes(self, node: str) -> list[int]:
        """All processes in the network of a node."""
        told = subprocess.run(
            ["ip", "netns", "pids", self._name(node)], capture_output=True, text=True, check=False
        ).stdout
        return [int(word) for word in told.split()]

    def within(self, node: str, *command: str) -> list[str]:
        """A command in the network of a node."""
        return ["ip", "netns", "exec", self._name(node), *command]

    def _wire(self, node: str) -> None:
        self._ip("netns", "add", self._name(node))
        self._inside(_HUB, "link", "add", node, "type", "veth", "peer", "name", "eth0", "netns", self._name(node))
        self._inside(_HUB, "link", "set", node, "master", "bridge", "up")
        self._inside(node, "addr", "add", f"{self._at(node)}/24", "dev", "eth0")
        self._inside(node, "link", "set", "eth0", "up")
        self._inside(node, "link", "set", "lo", "up")

    def _wait_for_port(self, node: str) -> None:
        probe = f"import socket; socket.create_connection(('{self._at(node)}', 10001), 1)"
        for _ in range(120):
            if self._running[node].poll() is not None:
                break
            command = self.within(_HUB, sys.executable, "-c", probe)
            if not subprocess.run(command, capture_output=True, check=False).returncode:
                return
            time.sleep(0.5)
        raise RuntimeError(f"{node} does not answer: see {self._logs}")

    def _kill(self, node: str) -> None:
        started = self._running.pop(node, None)
        first = self._first(node)
        if first:
            os.kill(first, signal.SIGKILL)
        if started is not None:
            started.kill()
            started.wait()
        for _ in range(100):
            if not self.processes(node):
                break
            for process in self.processes(node):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.1)
        # The cable first: the system takes its time with a network that somebody has looked at.
        for words in (["-n", self._name(_HUB), "link", "del", node], ["netns", "del", self._name(node)]):
            subprocess.run(["ip", *words], capture_output=True, check=False)

    def _first(self, node: str) -> int:
        """The process that is number 1 inside a node; 0 where there is none."""
        for process in self.processes(node):
            with suppress(OSError):
                for line in Path(f"/proc/{process}/status").read_text().splitlines():
                    if line.startswith("NSpid:") and line.split()[2:] == ["1"]:
                        return process
        return 0

    def _clear(self) -> None:
        for node in (*self.workers, HEAD, _HUB):
            self._kill(node)

    def _at(self, node: str) -> str:
        return f"{_NET}.{2 + (HEAD, *self.workers).index(node)}"

    def _name(self, node: str) -> str:
        return self._prefix + node

    def _inside(self, node: str, *words: str) -> None:
        self._ip("-n", self._name(node), *words)

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _line(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""  # it has ended meanwhile
