"""What differs between two runs: photos, split, weights, settings and environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tellapart.files import read_csv
from tellapart.run import Run

# Where a run has them says nothing of what was done; the digests in `weights_of` say which weights it used, and the
# environment how many cores a training had.
_PLACES: Final = {"photos", "photos_absolute", "weights", "weights_files", "corrections", "track", "on", "version"}


@dataclass(frozen=True)
class Pair:
    """One thing as it was and as it is now; lists where it has parts."""

    before: Any
    now: Any

    @property
    def same(self) -> bool:
        """Whether they are equal."""
        return bool(self.before == self.now)


def photos_between(first: Run, second: Run) -> dict[str, list[str]]:
    """Paths that are `new`, `gone` or `changed` in the second run, in content or class."""
    before, now = (
        {row["path"]: (row["class"], row["sha256"]) for row in read_csv(run.folder / "photos.csv")}
        for run in (first, second)
    )
    return {
        "new": sorted(now.keys() - before.keys()),
        "gone": sorted(before.keys() - now.keys()),
        "changed": sorted(path for path in before.keys() & now.keys() if before[path] != now[path]),
    }


def moved_between(first: Run, second: Run) -> list[str]:
    """Paths that are in another part of the split."""
    before, now = ({row["path"]: row["part"] for row in read_csv(run.folder / "split.csv")} for run in (first, second))
    return sorted(path for path in before.keys() & now.keys() if before[path] != now[path])


def entries_of(run: Run) -> dict[str, dict[str, Any]]:
    """The entries of results.json by recipe."""
    return {entry["name"]: entry for entry in run.results["recipes"]}


def weights_of(run: Run) -> dict[str, str]:
    """SHA-256 of the weights by backbone; empty for runs that did not write it down."""
    files = run.results.get("settings", {}).get("weights_files", {})
    return {name: file["sha256"] for name, file in files.items()}


def settings_of(run: Run) -> dict[str, Any]:
    """The settings that shape a run, by their names in `fit`; empty for runs that did not write them down."""
    return {name: value for name, value in run.results.get("settings", {}).items() if name not in _PLACES}


def environment_of(run: Run) -> dict[str, Any]:
    """Versions and machine, the packages beside the rest."""
    told: Mapping[str, Any] = run.results.get("environment", {})
    return {**{name: value for name, value in told.items() if name != "packages"}, **told.get("packages", {})}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Pair]:
    """What two mappings do not have in common, by key; what one lacks is None."""
    pairs = {name: Pair(before.get(name), now.get(name)) for name in {**before, **now}}
    return {name: pair for name, pair in pairs.items() if not pair.same}
