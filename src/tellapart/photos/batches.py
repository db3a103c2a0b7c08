"""Photos as arrays: decoded once at a network's size, then dealt out in batches."""

import hashlib
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import numpy as np

from tellapart.cache import kept_rows
from tellapart.errors import PhotosError, UnreadablePhotoError
from tellapart.machine import usable_cores
from tellapart.photos.decode import DECODER, read
from tellapart.photos.pixels import PixelSpec, read_pixels
from tellapart.photos.scan import Photo, digest_of
from tellapart.progress import Progress, track

# Photos that are decoded before they are asked for: enough for the batches of every stream, few enough for memory.
_AHEAD: Final = 64
_BACK: Final = "Next: bring it back, and the same command with --resume; or begin anew with another --out"

Fetch = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def decoded(root: Path, photos: Sequence[Photo], spec: PixelSpec, *, cache: Path, progress: Progress) -> np.ndarray:
    """The photos at a network's size, decoded once and kept in `cache/pixels`, or in memory where that cannot be.

    Returns:
        Shape (photos, size, size, 3), uint8, RGB, mapped from disk and read-only.
    """
    path = kept_pixels(cache, photos, spec)

    def pictures() -> Iterator[np.ndarray]:
        return track(pixels_of(root, photos, spec), f"Decoding at {spec.size} pixels", len(photos), progress)

    return kept_rows(path, pictures, (len(photos), spec.size, spec.size, 3), np.uint8, progress)


def kept_pixels(cache: Path, photos: Sequence[Photo], spec: PixelSpec) -> Path:
    """Where `decoded` keeps photos at a network's size."""
    key = digest_of([f"{spec.size} {spec.geometry} {DECODER}", *(photo.content for photo in photos)])
    return cache / "pixels" / f"{key}.npy"


def pixels_of(root: Path, photos: Sequence[Photo], spec: PixelSpec) -> Iterator[np.ndarray]:
    """Decode photos in order, on every core, some ahead of what is asked for.

    Yields:
        Shape (size, size, 3), uint8, RGB.

    Raises:
        PhotosError: A photo has gone, or holds something else, since it was scanned; the message names it.
    """
    # Pillow releases the interpreter's lock while it decodes and resizes.
    waiting: deque[Future[np.ndarray]] = deque()
    pool = ThreadPoolExecutor(usable_cores())
    try:
        for photo in photos:
            waiting.append(pool.submit(_pixels, root, photo, spec))
            if len(waiting) >= _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)  # who stops asking does not wait for the rest


def _pixels(root: Path, photo: Photo, spec: PixelSpec) -> np.ndarray:
    path = root / photo.path
    try:
        content = read(path)
        # Where it is not what was scanned, its pixels would be kept, and its answers told, under another's name. Runs
        # of early versions did not write the contents down.
        if photo.content and hashlib.sha256(content).hexdigest() != photo.content:
            raise PhotosError(f"{path} was changed while the run went on. {_BACK}")
        return read_pixels(content, spec)
    except UnreadablePhotoError as problem:
        raise PhotosError(f"{path} was readable before and is not now: {problem}. {_BACK}") from problem


@dataclass
class Batches:
    """Batches of one part, shuffled anew in each epoch and fixed by the seed.

    Attributes:
        fetch: Gives the inputs for an array of positions; the generator is for augmentation.
        labels: Class numbers, one a photo.
        batch_size: Photos a batch; the last one of an epoch may be smaller.
        seed: Fixes order and augmentation.
        shuffle: Whether the order changes from epoch to epoch.
    """

    fetch: Fetch
    labels: np.ndarray
    batch_size: int
    seed: int
    shuffle: bool = True
    epoch: int = field(default=0, init=False)

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        return self.of_epoch(self.epoch, number)

    def of_epoch(self, epoch: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and class numbers of one batch of any epoch."""
        order = np.arange(len(self.labels))
        if self.shuffle:
            np.random.default_rng([self.seed, epoch]).shuffle(order)
        positions = order[number * self.batch_size : (number + 1) * self.batch_size]
        generator = np.random.default_rng([self.seed, epoch, number])
        return self.fetch(positions, generator), self.labels[positions]

    def next_epoch(self) -> None:
        """Move on to the next order and the next augmentations."""
        self.epoch += 1


class Ahead:
    """Batches made by a thread of its own while the network learns from those before.

    What a batch holds follows from seed, epoch and number, so that making it early changes nothing.

    Args:
        batches: What is dealt out.
        n_ahead: How many are made ahead; memory holds one more. With 0 each is made when it is asked for, by who asks.
    """

    def __init__(self, batches: Batches, n_ahead: int = 2) -> None:
        self._batches = batches
        self._n_ahead = n_ahead
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._made: dict[tuple[int, int], Future[tuple[np.ndarray, np.ndarray]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        if not self._n_ahead:
            return self._batches[number]
        coming = [divmod(number + far, len(self)) for far in range(self._n_ahead + 1)]
        keys = [(self._batches.epoch + later, place) for later, place in coming]
        self._made = {key: self._made.get(key) or self._pool.submit(self._batches.of_epoch, *key) for key in keys}
        return self._made[keys[0]].result()

    def next_epoch(self) -> None:
        """Move on; the first batches of the next epoch are made already."""
        self._batches.next_epoch()


def rows_of(inputs: np.ndarray) -> Fetch:
    """A fetch that gives rows of an array as they are, as float32."""

    def fetch(positions: np.ndarray, generator: np.random.Generator) -> np.ndarray:  # noqa: ARG001
        return np.asarray(inputs[positions], dtype=np.float32)

    return fetch


def label_numbers(photos: Sequence[Photo], classes: Sequence[str]) -> np.ndarray:
    """Class numbers of photos, int64, by position in `classes`."""
    number_of = {label: number for number, label in enumerate(classes)}
    return np.array([number_of[photo.label] for photo in photos], dtype=np.int64)
