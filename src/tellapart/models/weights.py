"""Pretrained weights: found, fetched, checked and loaded.

Address and digest of each file are those that Keras itself pins: MD5, SHA-256
for ConvNeXt, none for MobileNet and MobileNetV2. Keras' own cache is read; a
file in it with the wrong digest is named and left alone
(`keras.utils.get_file` would delete it). What has to be fetched goes into the
weight store (`TELLAPART_WEIGHTS`), to a temporary name first.
"""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tellapart.errors import WeightsError
from tellapart.files import cache_folder, whole_file
from tellapart.models.backbones import Backbone
from tellapart.progress import Progress

_CHUNK: Final = 1 << 20
_SECONDS: Final = 20  # without a byte before a connection is given up


@dataclass(frozen=True)
class WeightsFile:
    """A file of pretrained weights as Keras pins it.

    Attributes:
        name: Of the file.
        address: Where it is fetched.
        digest: Its MD5 or SHA-256; "" where Keras pins none.
    """

    name: str
    address: str
    digest: str


def weights_path(backbone: Backbone, given: Path | None, progress: Progress) -> Path:
    """The weights of a backbone: the file given, else Keras' cache, the store, the network.

    Raises:
        WeightsError: They cannot be had; the message says what would help.
    """
    if given is not None:
        if not given.is_file():
            raise WeightsError(f"There is no weights file {given}. Accepted: a .h5 or .weights.h5 file.")
        return given
    pinned = pinned_file(backbone)
    stored = weight_store() / pinned.name
    for candidate in (stored, _keras_cache() / pinned.name):
        if candidate.is_file():
            if _is_whole(candidate, pinned):
                return candidate
            what_now = "fetched anew" if candidate == stored else "left alone and not used"
            progress.note(f"{candidate} is damaged ({_expected(pinned)}); it is {what_now}.")
    _fetch(backbone, pinned, stored, progress)
    return stored


def weight_store() -> Path:
    """The folder of fetched weights: `TELLAPART_WEIGHTS`, else a folder in the cache."""
    return Path(os.environ.get("TELLAPART_WEIGHTS") or cache_folder() / "weights")


def load_weights(network: Any, path: Path, backbone: Backbone) -> None:
    """Load a weights file into a backbone without its dense layers.

    Raises:
        WeightsError: The file is damaged or of another network.
    """
    held = _numbers_in(path)
    needed = int(network.count_params())
    complaint = (
        f"{path} does not fit {backbone.name}: it holds {held:,} numbers, and {backbone.name} without its "
        f"dense layers has {needed:,}. Next: give the file of {backbone.name} whose name ends in notop, "
        "or name its network with --backbone."
    )
    if held != needed:
        raise WeightsError(complaint)
    try:
        with warnings.catch_warnings():
            # Keras warns, and goes on, where layers keep their random values.
            warnings.simplefilter("error", UserWarning)
            network.load_weights(str(path))
    except (ValueError, KeyError, OSError, AttributeError, UserWarning) as problem:
        raise WeightsError(complaint) from problem


def fingerprint(path: Path) -> str:
    """SHA-256 of a weights file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pinned_file(backbone: Backbone) -> WeightsFile:
    """Name, address and digest of a backbone's ImageNet weights, asked of Keras itself."""
    with _asking() as asked, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "input_shape is undefined": MobileNet's weights of 224 pixels are meant
        backbone.constructor()(include_top=False, weights="imagenet")
    return asked[0]


class _AskedError(Exception):
    """Ends Keras' constructor at the point where it would fetch its file."""


@contextmanager
def _asking() -> Iterator[list[WeightsFile]]:
    """Catch the one `get_file` call of a `keras.applications` constructor.

    Keras has no public table of these files; source: keras/src/applications/*.py, which
    all call `file_utils.get_file(name, address, cache_subdir=..., file_hash=...)`.
    """
    from keras.src.utils import file_utils

    asked: list[WeightsFile] = []
    genuine = file_utils.get_file

    def note(fname: str, origin: str, **how: Any) -> None:
        asked.append(WeightsFile(fname, origin, str(how.get("file_hash") or how.get("md5_hash") or "")))
        raise _AskedError

    file_utils.get_file = note
    try:
        yield asked
    except _AskedError:
        pass
    finally:
        file_utils.get_file = genuine


def _keras_cache() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"


def _is_whole(path: Path, pinned: WeightsFile) -> bool:
    """Whether a file has the pinned digest, or can be opened as HDF5 where Keras pins none."""
    if not pinned.digest:
        try:
            return _numbers_in(path) > 0
        except WeightsError:
            return False
    with path.open("rb") as file:
        kind = "md5" if len(pinned.digest) == 32 else "sha256"
        return hashlib.file_digest(file, kind).hexdigest() == pinned.digest


def _expected(pinned: WeightsFile) -> str:
    if not pinned.digest:
        return "not a complete HDF5 file"
    return f"wrong {'MD5' if len(pinned.digest) == 32 else 'SHA-256'}, not {pinned.digest}"


def _fetch(backbone: Backbone, pinned: WeightsFile, target: Path, progress: Progress) -> None:
    remedies = (
        f"Next: download {pinned.address} elsewhere and give it with --weights FILE, or leave the transfer "
        "steps out: --recipes majority,baseline,deeper,augmented,tuned"
    )
    if os.environ.get("TELLAPART_OFFLINE") == "1":
        raise WeightsError(f"The weights of {backbone.name} are not here, and TELLAPART_OFFLINE is 1. {remedies}")
    try:
        with whole_file(target) as temporary:
            _download(pinned.address, temporary, progress, f"Fetching {pinned.name}")
            if not _is_whole(temporary, pinned):
                raise WeightsError(
                    f"What came from {pinned.address} is not {pinned.name} ({_expected(pinned)}); it was not kept. "
                    f"{remedies}"
                )
    except (OSError, http.client.HTTPException) as problem:
        if isinstance(problem, urllib.error.HTTPError):
            problem.close()  # it holds the connection
        reason = " ".join(str(getattr(problem, "reason", problem)).split())
        raise WeightsError(f"The weights of {backbone.name} cannot be fetched ({reason}). {remedies}") from problem


def _download(address: str, path: Path, progress: Progress, title: str) -> None:
    # The address is one that Keras pins; a proxy is taken from the usual environment variables.
    with urllib.request.urlopen(address, timeout=_SECONDS) as answer, path.open("wb") as file:  # noqa: S310
        total = int(answer.headers.get("Content-Length") or 0)
        with progress.bar(title, total) as bar:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                bar.advance(len(chunk))


def _numbers_in(path: Path) -> int:
    """How many weights an HDF5 file holds, an optimizer's left out."""
    import h5py

    total = 0

    def count(name: str, item: Any) -> None:
        nonlocal total
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer") and item.dtype.kind == "f":
            total += item.size

    try:
        with h5py.File(path, "r") as file:
            file.visititems(count)
    except OSError as problem:
        raise WeightsError(
            f"{path} is not a complete HDF5 file ({problem}). Accepted: a Keras .h5 or .weights.h5 file."
        ) from problem
    return total
