"""The arrays of a file of weights, read as plain numbers, in both of Keras' layouts and without Keras.

A file comes from anywhere. Nothing but hard links is followed, so that it cannot point at other files; every shape is
compared with what the network needs before anything is read.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

LAYERS: Final = "layer_names"
_WEIGHTS: Final = "weight_names"
_MODEL: Final = "model_weights"
_TREES: Final = ("layers", "_layer_checkpoint_dependencies")  # the second was that of Keras 2.12 and 2.13
_NAMES: Final = 1 << 20  # bytes; Keras cuts its lists at 64 KiB
_CHUNK: Final = 1 << 20  # numbers: as large a chunk is believed, or one of the array's own size
# What h5py raises at a file that is damaged, or is made up otherwise than Keras does it.
UNREADABLE: Final = (OSError, RuntimeError, KeyError, AttributeError, ValueError, TypeError)


@dataclass(frozen=True)
class Weighted:
    """A layer that has weights.

    Attributes:
        kind: Its class as the layout of Keras 3 names it, such as `conv2d`.
        shapes: Of its arrays, in Keras' order.
    """

    kind: str
    shapes: tuple[tuple[int, ...], ...]


def read_arrays(path: Path, layers: Sequence[Weighted]) -> "list[list[np.ndarray]]":
    """Read the arrays of each layer, float32.

    The older layout lists its layers, and they are taken in that order whatever they are called, as Keras does; that of
    Keras 3 numbers the layers of each class.

    Args:
        path: The file.
        layers: All that it should hold, from the photo on.

    Raises:
        OSError, RuntimeError, KeyError, AttributeError, ValueError, TypeError: `UNREADABLE`: the file is damaged, or
            holds something else.
    """
    import h5py
    import numpy as np

    with h5py.File(path, "r") as file:
        older = older_layers(file)
        found = list(_listed(older) if names_in(older, LAYERS) else _numbered(file, layers))
        if [tuple(one.shape for one in arrays) for arrays in found] != [layer.shapes for layer in layers]:
            raise ValueError("other arrays than this network has")
        return [[np.asarray(one[()], np.float32) for one in arrays] for arrays in found]


def older_layers(file: Any) -> Any:
    """Where the older layout has its layers: a whole model keeps them in a group of their own."""
    return inside(file, _MODEL) if LAYERS not in file.attrs and _holds(file, _MODEL) else file


def inside(group: Any, path: str) -> Any:
    """What lies in a group, some groups down; links to another place or file are not followed.

    Raises:
        OSError: It is missing, or such a link.
    """
    item = group
    for part in path.split("/"):
        if not _holds(item, part):
            raise OSError(f"'{part}' is missing, or a link that is not followed")
        item = item[part]
    return item


def _holds(group: Any, name: str) -> bool:
    """Whether a group has something of its own by a name; `name in group` would look up where a link points."""
    import h5py

    if not name or not isinstance(group, h5py.Group):
        return False
    links, told = group.id.links, name.encode()
    return bool(links.exists(told) and links.get_info(told).type == h5py.h5l.TYPE_HARD)


def names_in(group: Any, key: str) -> list[str]:
    """A list of names that Keras keeps as an attribute, or as several (key0, key1, ...) where it is long."""
    pieces = [key] if key in group.attrs else []
    while not pieces or pieces[-1] != key:
        piece = f"{key}{len(pieces)}"
        if piece not in group.attrs:
            break
        pieces.append(piece)
    for told in (group.attrs.get_id(piece) for piece in pieces):
        if prod(told.shape) * told.dtype.itemsize > _NAMES:  # in a damaged file, which would be read for minutes
            raise OSError("a list of names that is too long")
    names = [name for piece in pieces for name in group.attrs[piece]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def listed_arrays(layer: Any) -> Iterator[tuple[str, Any]]:
    """Name and array of each weight that the older layout lists; what is not listed, Keras does not read either."""
    for name in names_in(layer, _WEIGHTS):
        yield name, _array(inside(layer, name))


def _listed(file: Any) -> Iterator[list[Any]]:
    for name in names_in(file, LAYERS):
        arrays = [array for _, array in listed_arrays(inside(file, name))]
        if arrays:
            yield arrays


def _numbered(file: Any, layers: Sequence[Weighted]) -> Iterator[list[Any]]:
    tree = inside(file, next((name for name in _TREES if _holds(file, name)), _TREES[0]))
    met: Counter[str] = Counter()
    for layer in layers:
        name = f"{layer.kind}_{met[layer.kind]}" if met[layer.kind] else layer.kind
        met[layer.kind] += 1
        arrays = inside(tree, f"{name}/vars")
        yield [_array(inside(arrays, str(number))) for number in range(len(arrays))]


def _array(item: Any) -> Any:
    """An array of plain numbers that lies in this file, and whose chunks are no larger than they need be."""
    import h5py

    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fi" or item.is_virtual or item.external:
        raise OSError("an array that is none of plain numbers, or lies in another file")
    if item.chunks and prod(item.chunks) > max(prod(item.shape), _CHUNK):
        raise OSError("an array in chunks that are larger than itself")
    return item
