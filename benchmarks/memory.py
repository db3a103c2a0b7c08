"""Peak memory against the number of photos, of the steps that look at every photo, each number in a process of its own.

    python benchmarks/memory.py [--photos FOLDER] [--numbers 1000,10000,50000] [--backbone pocket]

Hard links to the photos of FOLDER (drawn, without one) stand in as many folders as it has classes. Of each number the
peak of resident memory is told after the photos are scanned, audited and split, after their features are kept, and
after `fit --recipes majority,linear`. Links to one file are copies of one photo to the audit, which keeps one of them
to compare with others: of different photos it also compares all pairs, which takes time, not memory.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from paired import inputs, keep, parser

# What a table of names may take of each photo: path, class, two digests, size, and what was measured.
ALLOWED_KB = 3.0


def link(source: Path, folder: Path, number: int) -> None:
    """Link to the photos of class folders in turn, until there are so many."""
    files = sorted((path for path in source.rglob("*") if path.is_file()), key=lambda path: path.stem)
    for place in range(number):
        file = files[place % len(files)]
        path = folder / file.parent.name / f"{place:06}{file.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, path)
        except OSError:  # another disk, or as many links as a file may have
            path.write_bytes(file.read_bytes())


def child(folder: Path, backbone: str) -> None:
    """Go through the steps on a folder, and print the peak after each, in megabytes."""
    from tellapart import fit
    from tellapart.files import cache_folder
    from tellapart.memory import peak_mb, start_peak
    from tellapart.models.choice import resolve
    from tellapart.models.features import pooled_features, source_of
    from tellapart.photos.audit import audit
    from tellapart.photos.scan import scan
    from tellapart.photos.split import split
    from tellapart.progress import Silent

    chosen = resolve([backbone], None, Silent())
    (row,) = chosen.backbones
    source = source_of(row, row.image_size, chosen.weights[row.name])
    told: dict[str, float] = {"start": peak_mb()}
    start_peak()
    photos = scan(folder)
    told["scan"] = peak_mb()
    start_peak()
    split(photos, duplicates=audit(photos, Silent()).duplicates)
    told["audit and split"] = peak_mb()
    start_peak()
    pooled_features(source, photos.root, photos.items, cache=cache_folder(), progress=Silent())
    told["features"] = peak_mb()
    del photos
    start_peak()
    fit(folder, folder.parent / "run", recipes="majority,linear", backbone=backbone)
    told["fit"] = peak_mb()
    sys.stdout.write(json.dumps(told) + "\n")


def measured(source: Path, number: int, backbone: str) -> dict[str, float]:
    """The peaks of one number of photos."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "photos"
        link(source, folder, number)
        result = subprocess.run(  # noqa: S603
            [sys.executable, __file__, "--child", str(folder), "--backbone", backbone],
            env={**os.environ, "TELLAPART_CACHE": str(Path(place) / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(result.stderr[-2000:])
        return {name: float(peak) for name, peak in json.loads(result.stdout.splitlines()[-1]).items()}


def growth(peaks: dict[int, dict[str, float]]) -> dict[str, float]:
    """Kilobytes that each photo more adds to the peak of a step, from the smallest to the largest number."""
    first, last = min(peaks), max(peaks)
    if first == last:
        return {}
    return {name: round(1024 * (peaks[last][name] - peaks[first][name]) / (last - first), 2) for name in peaks[first]}


def main() -> None:
    """Measure every number, and keep the figures."""
    taken = parser(__doc__)
    taken.add_argument("--numbers", default="1000,10000,50000")
    taken.add_argument("--backbone", default="pocket")
    taken.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = taken.parse_args()
    if options.child:
        child(options.child, options.backbone)
        return
    numbers = [int(number) for number in options.numbers.split(",")]
    with inputs(options):
        peaks = {number: measured(options.photos, number, options.backbone) for number in numbers}
    added = growth(peaks)
    figures: dict[str, Any] = {
        "aim": {"kilobytes a photo, at most": ALLOWED_KB},
        "reached": added,
        "megabytes": {str(number): told for number, told in peaks.items()},
    }
    keep("memory", "Peak of resident memory against the number of photos (links to the same files).", figures)


if __name__ == "__main__":
    main()
