"""Tasks on a Ray cluster: one of its own on this machine, or one that runs.

Token authentication is on, and a cluster of its own listens on the loopback address alone, without a dashboard.
Source: Ray, token authentication, https://docs.ray.io/en/latest/ray-security/token-auth.html
"""

import os
import secrets
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

from tellapart.errors import MissingExtraError, OfflineError, OptionError, ShardError
from tellapart.going_on import know_resumable, same_command
from tellapart.machine import limit_cores, usable_cores
from tellapart.scale.tasks import AHEAD, TRIES, Function, Made, Outcome, Shared, Task, told_of
from tellapart.version import VERSION
from tellapart.weights.offline import forbid_network, is_here, offline

_MODE, _TOKEN, _TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
# By this name alone Ray can be told to take the loopback address for a node's own; it says so on every system.
_NO_CLUSTER: Final = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_STORE: Final = 512 << 20  # bytes of Ray's object store beside what is shared; results are taken out as they come


class RayEngine:
    """Runs tasks on a Ray cluster.

    Args:
        address: `ray://HOST:PORT`; None for a cluster of its own on this machine, which ends with the run.
        workers: Tasks at once; None for one a core.
        ahead: Tasks in flight for each.

    Raises:
        MissingExtraError: Ray is not installed.
        OptionError: It was imported already, by somebody who did not set its token authentication.
        OfflineError: The address is on a network, and the user has forbidden it.
    """

    def __init__(self, address: str | None = None, workers: int | None = None, ahead: int = AHEAD) -> None:
        if address is not None and offline() and not is_here(address.removeprefix("ray://").rpartition(":")[0]):
            raise OfflineError(f"{address} is on a network, which is forbidden. Next: without --offline, or --on ray")
        self._address = address
        self._workers = workers
        self._ahead = ahead
        self._ray = _imported(address)

    def run(self, function: Function, tasks: Iterable[Task], shared: bytes = b"") -> Iterator[tuple[Task, Outcome]]:
        """Run a function on each task, as `Engine.run` says."""
        ray, waiting_tasks = self._ray, iter(tasks)
        with self._cluster(len(shared)):
            with self._answering():
                # In a list it is not fetched before a worker asks for it, which it does once.
                held = [ray.put(shared)]
                worked = ray.remote(num_cpus=1, max_retries=TRIES)(_worked)
                room, gpus = self._room(), self._count("GPU")
            flying: dict[Any, Task] = {}
            while True:
                new = list(islice(waiting_tasks, room - len(flying)))
                with self._answering():
                    for task in new:
                        asked = worked.options(num_gpus=1) if task.gpu and gpus >= 1 else worked
                        flying[asked.remote(function, task, held)] = task
                    done, _ = ray.wait(list(flying), num_returns=1) if flying else ([], [])
                if not flying:
                    return
                for reference in done:
                    yield flying.pop(reference), self._outcome(reference)

    def _room(self) -> int:
        """How many tasks may be in flight; a cluster that runs may have more cores than are asked for."""
        if self._address is not None and self._workers:
            return self._workers
        return self._ahead * max(1, int(self._count("CPU")))

    def _count(self, what: str) -> float:
        """How much of a resource the cluster has."""
        return float(self._ray.cluster_resources().get(what, 0))

    def _outcome(self, reference: Any) -> Outcome:
        with self._answering():
            try:
                return Outcome(self._ray.get(reference))
            except self._ray.exceptions.RayTaskError as problem:
                return Outcome(None, told_of(problem.cause or problem))
            except self._ray.exceptions.RayError as problem:
                return Outcome(None, f"its worker ended in every try ({type(problem).__name__})")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """A cluster that is gone says so in many ways, some of them plain `Exception`: each as one line.

        Raises:
            ShardError: It is gone; Ray's client has tried for half a minute to reach it.
        """
        try:
            yield
        except Exception as problem:
            where = f"at {self._address}" if self._address else "of this command"
            raise ShardError(
                f"The Ray cluster {where} answers no more ({told_of(problem)}). What is done is kept. "
                f"Next: see that it runs, then {same_command()}"
            ) from problem

    @contextmanager
    def _cluster(self, size: int) -> Iterator[None]:
        ray = self._ray
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self._address is None:
            quiet |= {
                "num_cpus": self._workers or usable_cores(),
                "include_dashboard": False,
                "object_store_memory": _STORE + 2 * size,
            }
        try:
            with warnings.catch_warnings():  # told in one line below
                warnings.simplefilter("ignore", UserWarning)
                # Without "local" it joins any cluster that it finds here or in RAY_ADDRESS.
                ray.init(self._address or "local", **quiet)
        except Exception as problem:  # Ray has no class of its own for it
            raise self._no_cluster(problem) from problem
        try:
            if self._address is not None:
                self._check_version()
            yield
        finally:
            ray.shutdown()

    def _no_cluster(self, problem: Exception) -> OptionError:
        if self._address is None:
            return OptionError(f"Ray does not start here ({told_of(problem)}). Next: --on local")
        return OptionError(
            f"No Ray cluster answers at {self._address} ({told_of(problem)}). Accepted: ray://HOST:PORT of a running "
            "one, its token in RAY_AUTH_TOKEN or ~/.ray/auth_token. Next: ray status"
        )

    def _check_version(self) -> None:
        """Other versions of Tellapart may make other bytes.

        Raises:
            OptionError: The cluster has none, or another.
        """
        try:
            theirs = self._ray.get(self._ray.remote(num_cpus=1, max_retries=TRIES)(_version).remote())
        except self._ray.exceptions.RayError:
            theirs = "none"
        if theirs != VERSION:
            raise OptionError(
                f"The workers at {self._address} have Tellapart {theirs}. Accepted: {VERSION}, as here. "
                f'Next: pip install "tellapart[ray]=={VERSION}" on every node'
            )


def _imported(address: str | None) -> Any:
    """Ray, told before it is imported how it is to guard itself; it reads these settings once."""
    if sys.modules.get("ray") and not os.environ.get(_MODE):
        raise OptionError(f"Ray was imported before it was told to ask for a token. Next: export {_MODE}=token")
    os.environ.setdefault(_MODE, "token")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None:
        os.environ.setdefault(_NO_CLUSTER, "0")
        if not os.environ.get(_TOKEN) and not os.environ.get(_TOKEN_PATH):
            os.environ[_TOKEN] = secrets.token_hex(32)  # for this cluster alone; Ray would keep one in a file
    try:
        import ray
    except ImportError as problem:
        raise MissingExtraError("Ray", "ray") from problem
    return ray


def _worked(function: Function, task: Task, held: list[Any]) -> Made:
    limit_cores(1)
    know_resumable(False)  # a bulk job goes on by itself
    if offline():
        forbid_network()
    return function(task, _fetch(held))


def _fetch(held: list[Any]) -> Shared:
    def shared() -> bytes:
        import ray

        content: bytes = ray.get(held[0])
        return content

    return shared


def _version() -> str:
    return VERSION
