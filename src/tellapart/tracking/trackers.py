"""Which trackers a run has, and that none of them can break it."""

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from tellapart.errors import UnknownNameError
from tellapart.progress import Progress
from tellapart.tracking.mlflow import MlflowTracker
from tellapart.tracking.record import Record, flat, record_of
from tellapart.tracking.tensorboard import TensorBoardTracker


class Tracker(Protocol):
    """Where a run is logged. Any method may fail: the run then goes on without the tracker."""

    name: str

    def begin(self, settings: Mapping[str, Any]) -> str:
        """Open it for a run with these settings, or go on with it after a resume; say where it is."""

    def recipe(self, record: Record) -> None:
        """Log a recipe that is finished; after a resume, one that was finished before may be told again."""

    def finish(self, run: Path, results: Mapping[str, Any]) -> None:
        """Log figures and model of the finished run."""

    def close(self, *, failed: bool) -> None:
        """Let go of it."""


_KINDS: Final[dict[str, Callable[[Path], Tracker]]] = {"tensorboard": TensorBoardTracker, "mlflow": MlflowTracker}


class Tracking:
    """The trackers of a run, one after the other; as a context it holds the climb."""

    def __init__(self, trackers: list[Tracker], run: Path, progress: Progress) -> None:
        self._trackers = trackers
        self._run = run
        self._progress = progress

    def begin(self, settings: Mapping[str, Any]) -> Self:
        """Open all of them."""

        def open_one(tracker: Tracker) -> None:
            place = tracker.begin(flat(settings))
            self._progress.note(f"Tracking with {tracker.name}: {place}")

        self._each(open_one)
        return self

    def recipe(self, entry: Mapping[str, Any]) -> None:
        """Log a recipe that is finished; `entry` is its entry in results.json."""
        self._each(lambda tracker: tracker.recipe(record_of(entry, self._run)))

    def finish(self, results: Mapping[str, Any]) -> None:
        """Log what the whole run left, and close."""
        self._each(lambda tracker: tracker.finish(self._run, results))
        self._each(lambda tracker: tracker.close(failed=False))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is not None:
            self._each(lambda tracker: tracker.close(failed=True))

    def _each(self, act: Callable[[Tracker], object]) -> None:
        for tracker in list(self._trackers):
            try:
                # What these libraries warn of, among themselves, is nothing that the user can mend.
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    act(tracker)
            except Exception as problem:  # whatever a tracker's server or disk may say must not end a training
                self._trackers.remove(tracker)
                said = (str(problem).strip().splitlines() or [""])[0][:300]
                why = f"{type(problem).__name__}: {said}"
                self._progress.note(f"Tracking with {tracker.name} stopped ({why}). The run goes on without it.")
                with suppress(Exception):
                    tracker.close(failed=True)


def trackers(names: str | None, run: Path, progress: Progress) -> Tracking:
    """Choose the trackers of a run; nothing is written or reached yet.

    Args:
        names: `tensorboard`, `mlflow`, or both with a comma; None for none.
        run: The run folder; without another place they log into its `tracking/`.
        progress: Where it is told how they do.

    Raises:
        UnknownNameError: No such tracker.
        MissingExtraError: Its library is not installed.
        OfflineError: Its server is elsewhere, and the network is forbidden.
    """
    chosen = []
    for name in dict.fromkeys(part.strip().lower() for part in (names or "").split(",") if part.strip()):
        if name not in _KINDS:
            raise UnknownNameError("tracker", name, _KINDS)
        chosen.append(_KINDS[name](run))
    return Tracking(chosen, run, progress)
