"""The photo set of `tellapart demo`: furniture drawn on the spot, with the faults of real sets."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tellapart.demo.render import render
from tellapart.demo.scene import MAKERS, random_scene
from tellapart.files import write_bytes
from tellapart.progress import Progress, track

FURNITURE_KINDS = tuple(sorted(MAKERS))
# Fewer photos than this leave too few originals beside the copies.
_SMALLEST_WITH_COPIES = 6
_NEAR_COPIES_PER_CLASS = 2
_PNG_SHARE = 0.15


@dataclass(frozen=True)
class Planted:
    """The faults planted in a set; pairs are (original, copy).

    Attributes:
        exact: Copies with the same bytes.
        near: The same picture saved again: smaller, cropped or of another quality.
        broken: A JPEG whose end is missing.
    """

    exact: tuple[tuple[Path, Path], ...]
    near: tuple[tuple[Path, Path], ...]
    broken: Path


@dataclass(frozen=True)
class _Slot:
    """One file to be: slot `number` of a class shows what was drawn for `original`."""

    kind: str
    number: int
    original: int
    fault: str


def draw_furniture(folder: Path, *, photos_per_class: int = 60, seed: int = 0, progress: Progress) -> Planted:
    """Draw a labelled photo set of beds, chairs, sofas and tables.

    Args:
        folder: Gets one folder for each of `FURNITURE_KINDS`, with files 000.jpg, 001.png, ...
        photos_per_class: Readable photos of each class, planted copies among them.
        seed: The same seed gives the same bytes.
        progress: Shows the bar.

    Returns:
        The planted faults. Copies are planted from 6 photos per class on; the broken file is
        always there, on top of `photos_per_class`.

    Raises:
        StorageError: No space, no permission.
    """
    slots = _plan(photos_per_class, seed)
    pairs: dict[str, list[tuple[Path, Path]]] = {"exact": [], "near": [], "broken": []}
    written: dict[tuple[str, int], Path] = {}
    for slot in track(slots, "Drawing furniture", len(slots), progress):
        source = written.get((slot.kind, slot.original))
        suffix, content = _content(slot, source, seed)
        path = folder / slot.kind / f"{slot.number:03d}{suffix}"
        write_bytes(path, content)
        written[slot.kind, slot.number] = path
        if slot.fault:
            pairs[slot.fault].append((source or path, path))
    return Planted(tuple(pairs["exact"]), tuple(pairs["near"]), pairs["broken"][0][1])


def _plan(photos_per_class: int, seed: int) -> list[_Slot]:
    """Lay out all files, originals before their copies."""
    rng = np.random.default_rng([seed, 1])
    broken_kind = FURNITURE_KINDS[rng.integers(len(FURNITURE_KINDS))]
    slots: list[_Slot] = []
    for kind in FURNITURE_KINDS:
        faults = ["broken"] if kind == broken_kind else []
        if photos_per_class >= _SMALLEST_WITH_COPIES:
            faults += ["exact", *["near"] * _NEAR_COPIES_PER_CLASS]
        numbers = rng.permutation(photos_per_class + (kind == broken_kind))
        faulty = dict(zip(numbers.tolist(), faults, strict=False))
        originals = rng.permutation(numbers[len(faults) :]).tolist()
        for number in range(len(numbers)):
            fault = faulty.get(number, "")
            original = originals.pop() if fault in ("exact", "near") else number
            slots.append(_Slot(kind, number, original, fault))
    return sorted(slots, key=lambda slot: slot.fault in ("exact", "near"))


def _content(slot: _Slot, source: Path | None, seed: int) -> tuple[str, bytes]:
    """Give the suffix and the bytes of one file."""
    rng = np.random.default_rng([seed, 2, FURNITURE_KINDS.index(slot.kind), slot.number])
    if source is not None and slot.fault == "exact":
        return source.suffix, source.read_bytes()
    if source is not None and slot.fault == "near":
        with Image.open(source) as photo:
            return ".jpg", _jpeg(_altered(photo.convert("RGB"), rng), int(rng.integers(55, 80)))
    image = render(random_scene(slot.kind, rng), rng)
    quality = int(rng.integers(60, 96))
    if slot.fault == "broken":
        whole = _jpeg(image, quality)
        return ".jpg", whole[: len(whole) // 2]
    if rng.random() < _PNG_SHARE:
        return ".png", _png(image)
    return ".jpg", _jpeg(image, quality)


def _altered(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Make a photo a little smaller, cut its rim off, or leave it as it is."""
    change = rng.choice(["smaller", "cropped", "none"], p=[0.4, 0.35, 0.25])
    width, height = image.size
    if change == "smaller":
        share = rng.uniform(0.65, 0.9)
        return image.resize((round(width * share), round(height * share)), Image.Resampling.LANCZOS)
    if change == "cropped":
        left, upper, right, lower = rng.integers(1, 6, 4).tolist()
        return image.crop((left, upper, width - right, height - lower))
    return image


def _jpeg(image: Image.Image, quality: int) -> bytes:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return content.getvalue()


def _png(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()
