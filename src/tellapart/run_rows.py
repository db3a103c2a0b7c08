"""What a finished run says of its photos: one row for each, and where they were."""

from dataclasses import dataclass
from pathlib import Path

from tellapart.errors import RunFolderError
from tellapart.files import read_csv
from tellapart.run import Run


@dataclass(frozen=True)
class RunRow:
    """A photo of a run, as split.csv and photos.csv have it.

    Attributes:
        path: Relative to the folder or table of photos.
        label: Its class.
        content: SHA-256 of its file; "" in an older run, which wrote none.
        part: train, valid, test, or fold-1 and so on.
        group: What it belongs together with; "" for nothing.
    """

    path: str
    label: str
    content: str
    part: str
    group: str


def rows_of(run: Run, remedy: str) -> list[RunRow]:
    """The photos of a run in the order of their paths.

    Args:
        run: A finished run.
        remedy: What to type where it is not whole.

    Raises:
        RunFolderError: It has no split.csv.
    """
    split, photos = run.folder / "split.csv", run.folder / "photos.csv"
    if not split.is_file():
        raise RunFolderError(f"{run.folder} is not whole: it has no split.csv. Next: {remedy}")
    contents = {row["path"]: row["sha256"] for row in read_csv(photos)} if photos.is_file() else {}
    return [
        RunRow(row["path"], row["class"], contents.get(row["path"], ""), row["part"], row.get("group") or "")
        for row in sorted(read_csv(split), key=lambda row: row["path"])
    ]


def source_of(run: Run) -> Path | None:
    """Where the photos of a run lie still: the absolute place first, then the one that was typed; None for nowhere."""
    settings = run.results.get("settings") or {}
    places = (settings.get("photos_absolute"), settings.get("photos"))
    return next((Path(place) for place in places if place and Path(place).exists()), None)
