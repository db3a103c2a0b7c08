"""Which photos a model has seen: those that it learned from, and its own test photos."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tellapart.errors import RunFolderError
from tellapart.evaluation.reference import Reference, short
from tellapart.files import read_csv
from tellapart.photos.scan import digest_of

_LEARNED: Final = frozenset({"train", "valid"})
_TEST: Final = "test"


@dataclass(frozen=True)
class Seen:
    """What is known of the photos that a model has seen, by the first digits of their SHA-256.

    Attributes:
        learned: Those that it learned from or was validated with.
        tested: Its own test photos.
        source: Where this is known from: "the model file", "the run folder ...", or "" where nothing is known.
        why: Why nothing is known.
    """

    learned: frozenset[str] = frozenset()
    tested: frozenset[str] = frozenset()
    source: str = ""
    why: str = ""

    def has_learned(self, content: str) -> bool:
        """Whether the model learned from a photo of this SHA-256."""
        return short(content) in self.learned

    def has_tested(self, content: str) -> bool:
        """Whether it is one of the model's own test photos."""
        return short(content) in self.tested


def seen_by(passport: Mapping[str, Any], file: Path | None, run: Path | None) -> Seen:
    """Find out what a model has seen: by its file, or for an early file by its run folder.

    Args:
        passport: What the model file says of itself.
        file: The model file, where there is one; its run folder is looked for around it.
        run: The run folder, where the user names it.

    Raises:
        RunFolderError: The folder that the user names is not the run of this model.
    """
    reference = Reference.from_passport(passport)
    if run is not None:
        return _of_run(run, passport)
    if reference is not None:
        return Seen(reference.learned, reference.tested, "the model file")
    for folder in _around(file):
        if (folder / "photos.csv").is_file() and (folder / "split.csv").is_file():
            try:
                return _of_run(folder, passport)
            except RunFolderError:
                continue
    return Seen(
        why="whether the model learned from some of these photos is not known: an early version made its file. "
        "Next: --run RUN"
    )


def _around(file: Path | None) -> list[Path]:
    """The run folder of RUN/model.onnx, and of RUN/recipes/NAME/model.onnx."""
    if file is None:
        return []
    folder = file.resolve().parent
    return [folder, *(place for place in folder.parents[1:2] if folder.parent.name == "recipes")]


def _of_run(run: Path, passport: Mapping[str, Any]) -> Seen:
    photos, split = run / "photos.csv", run / "split.csv"
    if not (photos.is_file() and split.is_file()):
        raise RunFolderError(
            f"{run} has no photos.csv and split.csv. Accepted: the run folder of this model. Next: another --run"
        )
    rows = read_csv(photos)
    print_of_run = digest_of(sorted(f"{row['class']}\0{row['sha256']}" for row in rows))
    if print_of_run != passport.get("fingerprints", {}).get("photos"):
        raise RunFolderError(
            f"{run} is the run of another model: its photos are others. "
            "Accepted: the run folder of this model. Next: another --run"
        )
    part = {row["path"]: row["part"] for row in read_csv(split)}
    found = {row["sha256"]: part.get(row["path"], "") for row in rows}
    # With folds the model that is handed over learned from all photos but those of one fold, which validated it.
    return Seen(
        frozenset(short(content) for content, kind in found.items() if kind in _LEARNED or kind.startswith("fold-")),
        frozenset(short(content) for content, kind in found.items() if kind == _TEST),
        f"the run folder {run}",
    )
