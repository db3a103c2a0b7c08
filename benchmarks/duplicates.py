"""How many planted copies the audit finds, of every photo of some folders, and how many groups are false.

    python benchmarks/duplicates.py FOLDER... [--timed FOLDER --photos 5000]

Of every photo one copy of each kind is made; all copies of one kind stand
beside all originals. A group is false where it joins two originals that are not
a group without the copies. `--timed` times the search over a large folder.
"""

import argparse
import io
import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageOps

from tellapart.photos.decode import decode
from tellapart.photos.duplicates import find_duplicates
from tellapart.photos.listing import LeftOut, Listed
from tellapart.photos.look import measure
from tellapart.photos.scan import Photo, digest_of_pixels, inspect

Change = Callable[[Image.Image, random.Random], Image.Image]


def crop(picture: Image.Image, margins: Sequence[float]) -> Image.Image:
    """Cut shares of width and height off: left, top, right, bottom."""
    width, height = picture.size
    left, top, right, bottom = margins
    return picture.crop(
        (round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))
    )


def scaled(picture: Image.Image, factor: float) -> Image.Image:
    """Resize by a factor each way."""
    return picture.resize((max(8, round(picture.width * factor)), max(8, round(picture.height * factor))))


def next_of_a_burst(picture: Image.Image, chance: random.Random) -> Image.Image:
    """Turn by up to 2 degrees, shift by up to 3 % each way, a little other light: the same scene a moment later."""
    turned = picture.rotate(chance.uniform(-2, 2), Image.Resampling.BICUBIC)
    x, y = chance.uniform(0, 0.06), chance.uniform(0, 0.06)
    light = chance.uniform(0.9, 1.1)
    return crop(turned, (0.03 + x, 0.03 + y, 0.09 - x, 0.09 - y)).point(lambda value: min(255, round(value * light)))


def any_margins(chance: random.Random) -> list[float]:
    """Up to a tenth of each side."""
    return [chance.uniform(0, 0.1) for _ in range(4)]


KINDS: dict[str, tuple[Change, int]] = {
    "exact": (lambda picture, _: picture, 0),
    "re-saved at quality 75": (lambda picture, _: picture, 75),
    "re-saved at quality 30": (lambda picture, _: picture, 30),
    "resized to 50 %": (lambda picture, _: scaled(picture, 0.5), 80),
    "resized to 35 %": (lambda picture, _: scaled(picture, 0.35), 80),
    "resized to 150 %": (lambda picture, _: scaled(picture, 1.5), 80),
    "cropped by up to 10 % a side": (lambda picture, chance: crop(picture, any_margins(chance)), 85),
    "cropped by 10 % on every side": (lambda picture, _: crop(picture, [0.1] * 4), 85),
    "mirrored": (lambda picture, _: ImageOps.mirror(picture), 85),
    "mirrored and cropped": (lambda picture, chance: crop(ImageOps.mirror(picture), any_margins(chance)), 85),
    "like the next of a burst": (next_of_a_burst, 85),
}


def copy_of(file: Path, number: int, kind: str) -> Photo:
    """What `scan` would say of a copy."""
    change, quality = KINDS[kind]
    content = io.BytesIO()
    picture = change(decode(file), random.Random(number))  # noqa: S311  no secret hangs on it
    picture.save(content, "JPEG" if quality else "PNG", **({"quality": quality} if quality else {}))
    opened = decode(content.getvalue())
    pixels = digest_of_pixels(opened)
    look = measure(content.getvalue(), opened)
    return Photo(f"{kind} {number}", "copy", pixels, pixels, opened.width, opened.height, look=look)


def originals_of(folders: Sequence[Path], most: int | None = None) -> list[tuple[Path, Photo]]:
    """Every photo of some folders, measured."""
    files = sorted(file for folder in folders for file in folder.rglob("*.*"))[:most]
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda file: inspect(Path(), Listed(file.as_posix(), "original")), files))
    return [(Path(photo.path), photo) for photo in found if not isinstance(photo, LeftOut)]


def measure_kind(originals: Sequence[tuple[Path, Photo]], kind: str) -> tuple[float, int, int]:
    """The share of copies found, the groups, and how many of these are false."""
    n = len(originals)
    with ThreadPoolExecutor() as pool:
        copies = list(pool.map(lambda place: copy_of(originals[place][0], place, kind), range(n)))
    before = {place: group[0] for group in find_duplicates([p for _, p in originals]).groups for place in group}
    groups = find_duplicates([photo for _, photo in originals] + copies).groups
    group_of = {place: number for number, group in enumerate(groups) for place in group}
    found = sum(group_of.get(place, -1) == group_of.get(n + place, -2) for place in range(n))
    false = sum(len({before.get(place % n, place % n) for place in group}) > 1 for group in groups)
    return found / n, len(groups), false


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--timed", type=Path)
    parser.add_argument("--photos", type=int, default=5000)
    options = parser.parse_args()
    say = sys.stdout.write
    say("| folder | photos | copies | found | groups | false |\n|---|---|---|---|---|---|\n")
    for folder in options.folders:
        originals = originals_of([folder])
        for kind in KINDS:
            share, groups, false = measure_kind(originals, kind)
            say(f"| {folder.name} | {len(originals)} | {kind} | {100 * share:.1f} % | {groups} | {false} |\n")
            sys.stdout.flush()
    if options.timed:
        photos = [photo for _, photo in originals_of([options.timed], options.photos)]
        start = time.perf_counter()
        found = find_duplicates(photos)
        seconds = time.perf_counter() - start
        say(f"\n{len(photos)} photos of {options.timed.name}: {seconds:.1f} s, {len(found.groups)} groups\n")


if __name__ == "__main__":
    main()
