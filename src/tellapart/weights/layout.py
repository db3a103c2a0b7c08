"""What a file of weights says about itself: HDF5, its numbers, and whether dense layers are among them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tellapart.errors import WeightsError
from tellapart.weights.arrays import LAYERS, UNREADABLE, inside, listed_arrays, names_in, older_layers
from tellapart.weights.pins import Pin

# Layers above the last activation maps in keras.applications. Files that Keras 3 itself wrote
# name layers by their class; there the thousand outputs of ImageNet give them away.
_TOP: Final = frozenset({"predictions", "fc1", "fc2", "fc1000", "conv_preds", "Logits", "Conv_2", "head_dense"})
_CLASSES: Final = 1000


@dataclass(frozen=True)
class Layout:
    """What stands in a file of weights.

    Attributes:
        numbers: How many weights it holds.
        top: How many of them belong to layers above the last activation maps.
        top_layer: The name of such a layer, "" where there is none.
        keras3: Whether it is in the layout of `.weights.h5` files, not in the older one of `.h5`.
    """

    numbers: int
    top: int
    top_layer: str
    keras3: bool


def read_layout(path: Path) -> Layout:
    """Read what a file of weights says about itself; an optimizer's numbers are left out.

    Raises:
        WeightsError: It is not a complete HDF5 file, or holds links.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            older = older_layers(file)
            keras3 = not names_in(older, LAYERS)
            arrays = _every_array(file) if keras3 else dict(_named_arrays(older))
    except UNREADABLE as problem:
        raise WeightsError(
            f"{path} is not a complete HDF5 file ({problem}). Accepted: a Keras .h5 or .weights.h5 file. "
            "Next: fetch it again"
        ) from problem
    top = [name for name, shape in arrays.items() if _is_top(name, shape)]
    return Layout(
        numbers=sum(map(_size, arrays.values())),
        top=sum(_size(arrays[name]) for name in top),
        top_layer=_layer(top[0]) if top else "",
        keras3=keras3,
    )


def backbone_of(layout: Layout, offered: Mapping[str, Pin]) -> Pin | None:
    """The backbone with as many numbers as the file, dense layers left out; no two have the same."""
    for pin in offered.values():
        if not pin.built_in and pin.parameters == layout.numbers - layout.top:
            return pin
    return None


def _named_arrays(file: Any) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of each array that the older layout lists."""
    for layer in names_in(file, LAYERS):
        for weight, array in listed_arrays(inside(file, layer)):
            yield f"{layer}/{weight}", array.shape


def _every_array(file: Any) -> dict[str, tuple[int, ...]]:
    """Name and shape of each array of weights in the layout of Keras 3, which is a tree without a list."""
    import h5py

    found: dict[str, tuple[int, ...]] = {}

    def look(name: str, item: Any) -> None:
        # Whole numbers count too (how many photos a normalization has seen); the state of random generators
        # (unsigned) is no weight.
        if isinstance(item, h5py.Dataset) and not name.startswith("optimizer") and item.dtype.kind in "fi":
            found[name] = item.shape

    file.visititems(look)
    link = file.visititems_links(_unless_hard)
    if link is not None:
        raise OSError(f"'{link}' is a link, which is not followed")
    return found


def _unless_hard(name: str, link: Any) -> str | None:
    """The name of a link that points at another place, or at another file; Keras writes none."""
    import h5py

    return None if isinstance(link, h5py.HardLink) else name


def _is_top(name: str, shape: tuple[int, ...]) -> bool:
    return bool(_TOP & set(name.split("/"))) or shape[-1:] == (_CLASSES,)


def _layer(name: str) -> str:
    parts = name.split("/")
    return next((part for part in parts if part in _TOP), parts[1] if parts[0] == "layers" else parts[0])


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
