"""The same tasks on Ray: nothing is lost when workers die, and nobody else may send it work."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import on_ray_script
import pytest
from needed import needs_ray
from ray_cluster import cluster
from worked import troubled

from tellapart.errors import OfflineError, OptionError, ShardError
from tellapart.scale.on_ray import RayEngine
from tellapart.scale.tasks import TRIES, Task
from tellapart.version import VERSION

# 127.0.0.1, and the same as an address of IPv6, in the hexadecimal digits of /proc/net.
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F"}


@pytest.mark.slow
@needs_ray
def test_workers_that_die_functions_that_raise_and_a_stranger(tmp_path: Path) -> None:
    command = [sys.executable, on_ray_script.__file__, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    out = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    told = json.loads(out.splitlines()[-1])
    assert told["node"] == ["127.0.0.1"]
    assert told["listens"]
    assert set(told["listens"]) <= LOOPBACK
    assert told["with_token"]
    assert not told["without"]
    assert told["over"]
    outcomes = {text: (error, made) for text, error, made in told["outcomes"]}
    assert len(told["outcomes"]) == len(outcomes) == 6
    assert outcomes["raise"] == ("ValueError: a bad task", None)
    assert outcomes["kill"] == ("its worker ended in every try (WorkerCrashedError)", None)
    assert len((tmp_path / "kill").read_text()) == TRIES + 1
    for text in ("a", "b", "c", "kill once"):
        assert outcomes[text] == ("", [f"shared {text.upper()}", {"cores": 1}])


def test_ray_that_was_imported_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", object())
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(OptionError, match="RAY_AUTH_MODE=token"):
        RayEngine()


class FakeRay:
    """As much of Ray as is needed to see what is told where it fails."""

    class exceptions:  # noqa: N801  as Ray calls it
        RayError, RayTaskError = type("RayError", (Exception,), {}), type("RayTaskError", (Exception,), {})

    def __init__(self, version: str = "", problem: Exception | None = None) -> None:
        self.version = version
        self.problem = problem
        self.started: list[tuple[str, dict[str, object]]] = []
        self.shut = 0

    def init(self, address: str, **settings: object) -> None:
        self.started.append((address, settings))
        if self.problem:
            raise self.problem

    def remote(self, **_: object) -> object:
        return lambda function: SimpleNamespace(remote=lambda: function)

    def get(self, _: object) -> str:
        if not self.version:
            raise self.exceptions.RayError
        return self.version

    def shutdown(self) -> None:
        self.shut += 1


@pytest.mark.parametrize(
    ("address", "ray", "told"),
    [
        (None, FakeRay(problem=RuntimeError("no\nroom")), r"Ray does not start here \(RuntimeError: no room\)"),
        (None, FakeRay(problem=Exception("timed out")), r"Ray does not start here \(Exception: timed out\)"),
        ("ray://h:1", FakeRay(problem=ConnectionError("late")), r"No Ray cluster answers at ray://h:1 \(Conn"),
        ("ray://h:1", FakeRay("0.0.9"), r"The workers at ray://h:1 have Tellapart 0\.0\.9\. Accepted: 0"),
        ("ray://h:1", FakeRay(), "The workers at ray://h:1 have Tellapart none"),
    ],
)
def test_what_is_wrong_with_a_cluster(
    monkeypatch: pytest.MonkeyPatch, address: str | None, ray: FakeRay, told: str
) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"):
        monkeypatch.setenv(name, "token")
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(OptionError, match=told):
        list(RayEngine(address, 2).run(troubled, []))
    ((where, settings),) = ray.started
    assert where == (address or "local")
    assert ("num_cpus" in settings) == (address is None)
    assert ray.shut == (not ray.problem)


@pytest.mark.parametrize(("address", "where"), [("ray://h:1", "at ray://h:1"), (None, "of this command")])
def test_a_cluster_that_is_gone_is_one_line(monkeypatch: pytest.MonkeyPatch, address: str | None, where: str) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"):
        monkeypatch.setenv(name, "token")
    ray = FakeRay(VERSION)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(ray, "put", lambda _: 0, raising=False)
    monkeypatch.setattr(ray, "cluster_resources", dict, raising=False)

    def gone(_: object, *, num_returns: int) -> None:  # noqa: ARG001
        raise ConnectionError("Client is\nshutting down.")

    monkeypatch.setattr(ray, "wait", gone, raising=False)
    monkeypatch.setattr(ray, "remote", lambda **_: lambda _: SimpleNamespace(remote=lambda *_: "task"))
    told = rf"The Ray cluster {where} answers no more \(ConnectionError: Client is shutting down\.\)\. What is done"
    with pytest.raises(ShardError, match=told):
        list(RayEngine(address).run(troubled, [Task("a", {})]))
    assert ray.shut == 1


def test_no_cluster_on_a_network_where_that_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
    with pytest.raises(OfflineError, match="Next: without --offline, or --on ray"):
        RayEngine("ray://head:10001")


class Scheduler(FakeRay):
    """Runs what it is given at once, and keeps what was asked for."""

    def __init__(self, **resources: float) -> None:
        super().__init__()
        self.resources = resources
        self.asked: list[tuple[str, float]] = []

    def cluster_resources(self) -> dict[str, float]:
        return self.resources

    def put(self, content: bytes) -> bytes:
        return content

    def remote(self, **_: object) -> object:
        return lambda _: self._function()

    def _function(self, num_gpus: float = 0) -> object:
        def remote(function: object, task: Task, held: object) -> str:  # noqa: ARG001
            self.asked.append((task.name, num_gpus))
            return task.name

        return SimpleNamespace(remote=remote, options=lambda *, num_gpus: self._function(num_gpus))

    def wait(self, flying: list[str], num_returns: int) -> tuple[list[str], list[str]]:
        return flying[:num_returns], flying[num_returns:]

    def get(self, reference: object) -> str:
        return str(reference)


@pytest.mark.parametrize(("gpus", "asked"), [(0.0, 0), (2.0, 1)])
def test_a_gpu_is_asked_for_where_a_cluster_has_some(monkeypatch: pytest.MonkeyPatch, gpus: float, asked: int) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"):
        monkeypatch.setenv(name, "token")
    ray = Scheduler(CPU=1.0, GPU=gpus)
    monkeypatch.setitem(sys.modules, "ray", ray)
    tasks = [Task("network", {}, gpu=True), Task("other", {})]
    assert len(list(RayEngine().run(troubled, tasks))) == 2
    assert ray.asked == [("network", asked), ("other", 0)]


def test_tasks_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"):
        monkeypatch.setenv(name, "token")
    for ahead, room in ((2, 6), (1, 3)):
        ray = Scheduler(CPU=3.0)
        monkeypatch.setitem(sys.modules, "ray", ray)
        flying: list[int] = []
        monkeypatch.setattr(
            ray, "wait", lambda now, num_returns, seen=flying: (seen.append(len(now)), now[:1], now[num_returns:])[1:]
        )
        assert len(list(RayEngine(workers=3, ahead=ahead).run(troubled, [Task(str(n), {}) for n in range(9)]))) == 9
        assert max(flying) == room


_PLACED = """
import sys
from worked import visible
from tellapart.scale.on_ray import RayEngine
from tellapart.scale.tasks import Task
tasks = [Task("network", {}, gpu=True), Task("other", {})]
for task, outcome in RayEngine(sys.argv[1]).run(visible, tasks):
    print(task.name, outcome.made.content.decode() or "none", outcome.error)
"""


@pytest.mark.slow
@needs_ray
def test_ray_places_what_asks_for_a_gpu_on_one(tmp_path: Path) -> None:
    with cluster(tmp_path, gpus=1) as (address, inside):
        command, environment = [sys.executable, "-c", _PLACED, address], {**os.environ, **inside}
        told = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert sorted(line.split() for line in told.splitlines()) == [["network", "0"], ["other", "none"]]
