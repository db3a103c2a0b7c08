"""Keras' file of a backbone with a dense head, written without Keras once Keras has written one like it.

The first is kept in the cache. In later ones the numbers of the head alone are others: the layers, and the backbone's
weights, are the same to the byte.
"""

import io
import json
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from tellapart.cache import kept_where_possible
from tellapart.files import write_bytes
from tellapart.models.dense import DenseHead
from tellapart.models.features import Source, load_pretrained
from tellapart.photos.scan import digest_of

_WEIGHTS: Final = "model.weights.h5"  # Keras' name in its file
_FORMAT: Final = 2  # counts up where the network is put together otherwise


def write_keras_file(path: Path, source: Source, head: DenseHead, dropout: float, cache: Path) -> None:
    """Write a backbone with a head, from photos to probabilities, as Keras' own file.

    Args:
        path: Of the file.
        source: The backbone.
        head: On its pooled features, those of the lower maps among them where it has some.
        dropout: Share of the head's hidden units that training drops.
        cache: Where one like it is kept.

    Raises:
        WeightsError: The backbone's file is of another network.
    """
    shapes = [str(array.shape) for array in head.arrays]
    settings = [source.key, str(dropout), version("keras"), str(_FORMAT), *shapes]
    kept = cache / "keras" / f"{digest_of(settings)[:24]}.keras"
    content = _with_numbers(kept, head.arrays)
    if content is None:
        content = _by_keras(source, head, dropout)
        with kept_where_possible():
            write_bytes(kept, content)
    path.write_bytes(content)


def _with_numbers(kept: Path, arrays: Sequence[np.ndarray]) -> bytes | None:
    """A kept file with a head's numbers in it; None where there is none, or it is damaged."""
    try:
        with zipfile.ZipFile(kept) as archive:
            places = json.loads(archive.comment)
            parts = {name: archive.read(name) for name in archive.namelist()}
        parts[_WEIGHTS] = _replaced(parts[_WEIGHTS], dict(zip(places, arrays, strict=True)))
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile):
        return None
    return _zipped(parts, places)


def _replaced(content: bytes, arrays: dict[str, np.ndarray]) -> bytes:
    import h5py

    held = io.BytesIO(content)
    with h5py.File(held, "r+") as file:
        for place, array in arrays.items():
            file[place][...] = array
    return held.getvalue()


def _zipped(parts: dict[str, bytes], places: Sequence[str]) -> bytes:
    """The file; its comment tells where in its weights the numbers of the head stand."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        archive.comment = json.dumps(list(places)).encode()
    return held.getvalue()


def keras_head(head: DenseHead, dropout: float) -> Any:
    """The head as a Keras network, from features (n, channels) to probabilities (n, classes)."""
    from tellapart.models import networks

    channels, n_classes = len(head.arrays[0]), len(head.arrays[-1])
    network = networks.head(channels, n_classes, dropout=dropout)
    network.set_weights(list(head.arrays))
    return network


def _by_keras(source: Source, head: DenseHead, dropout: float) -> bytes:
    from tellapart.models.transfer import with_head

    pretrained = load_pretrained(source.backbone, source.spec.size, source.path)
    network = with_head(pretrained, keras_head(head, dropout), lower=True)
    with TemporaryDirectory(prefix="tellapart-") as folder:
        saved = Path(folder) / "model.keras"
        network.save(saved)
        with zipfile.ZipFile(saved) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
    return _zipped(parts, _places(parts[_WEIGHTS], head.arrays))


def _places(content: bytes, arrays: Sequence[np.ndarray]) -> list[str]:
    """Where in a file of weights these arrays stand, told by their numbers."""
    import h5py

    found: dict[int, str] = {}

    def look(name: str, part: Any) -> None:
        if isinstance(part, h5py.Dataset):
            held = np.asarray(part)
            for number, array in enumerate(arrays):
                if held.shape == array.shape and np.array_equal(held, array):
                    found[number] = name

    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(look)
    return [found[number] for number in range(len(arrays))]
