"""Pretrained weights for the recipes: the file of a backbone from the weight store, loaded into its network."""

import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tellapart.errors import OptionError, WeightsError
from tellapart.models.backbones import Backbone
from tellapart.models.hub import HubBackbone, preset_folder
from tellapart.models.hub import fingerprint as fingerprint_of_preset
from tellapart.progress import Progress
from tellapart.storage import storage_error
from tellapart.weights.arrays import UNREADABLE, Weighted, read_arrays
from tellapart.weights.integrity import digest
from tellapart.weights.layout import Layout, read_layout
from tellapart.weights.pins import find_pin
from tellapart.weights.store import fetch, locate, weight_store

__all__ = ["fingerprint", "load_weights", "read_weights", "weight_store", "weights_at_hand", "weights_path"]


def weights_path(backbone: Backbone, given: Path | None, progress: Progress) -> Path:
    """The weights of a backbone: the file given, else the package, the store, Keras' cache, the network.

    Raises:
        WeightsError: They cannot be had; the message says what would help.
        StorageError: The store cannot be written.
    """
    if isinstance(backbone, HubBackbone):
        if given is not None:
            raise OptionError(f"--weights is not for {backbone.name}. Next: --backbone hub:FOLDER")
        return preset_folder(backbone, progress)
    if given is None:
        return fetch(find_pin(backbone.name), progress)
    if not given.is_file():
        raise WeightsError(
            f"There is no weights file {given}. Accepted: a .h5 or .weights.h5 file. Next: check the path"
        )
    return given


def weights_at_hand(backbone: Backbone, progress: Progress | None = None) -> Path | None:
    """The weights of a backbone where they are here and right, None where they would have to be fetched."""
    return None if isinstance(backbone, HubBackbone) else locate(find_pin(backbone.name), progress)


def load_weights(network: Any, path: Path, backbone: Backbone) -> None:
    """Load a weights file into a backbone without its dense layers.

    Raises:
        WeightsError: The file is damaged or of another network.
    """
    layout, complaint = _fitting(path, backbone, int(network.count_params()))
    try:
        with warnings.catch_warnings(), _named_by_layout(path, keras3=layout.keras3) as named:
            # Keras warns, and goes on, where layers keep their random values.
            warnings.simplefilter("error", UserWarning)
            network.load_weights(str(named))
    except (ValueError, KeyError, OSError, AttributeError, UserWarning) as problem:
        # A temporary folder is written for a file of another name.
        raise storage_error(problem) or WeightsError(complaint) from problem


def read_weights(path: Path, layers: Sequence[Weighted], backbone: Backbone) -> list[list[np.ndarray]]:
    """Read a weights file of a backbone without its dense layers; Keras is not needed for it.

    Args:
        path: The file, in either of Keras' layouts.
        layers: All layers of the network that have weights.
        backbone: Whose weights these are.

    Returns:
        The arrays of each layer, float32.

    Raises:
        WeightsError: The file is damaged or of another network.
    """
    needed = sum(prod(shape) for layer in layers for shape in layer.shapes)
    _, complaint = _fitting(path, backbone, needed)
    try:
        return read_arrays(path, layers)
    except UNREADABLE as problem:
        raise WeightsError(complaint) from problem


def _fitting(path: Path, backbone: Backbone, needed: int) -> tuple[Layout, str]:
    """The layout of a file that holds as many numbers as a backbone, and what to say where it is another's.

    Raises:
        WeightsError: It holds more numbers, or fewer.
    """
    layout = read_layout(path)
    complaint = (
        f"{path} does not fit {backbone.name}: it holds {layout.numbers:,} numbers, and {backbone.name} without its "
        f"dense layers has {needed:,}. Next: give the file of {backbone.name} whose name ends in notop, "
        "or name its network with --backbone."
    )
    if layout.numbers != needed:
        raise WeightsError(complaint)
    return layout, complaint


def fingerprint(path: Path) -> str:
    """SHA-256 of a weights file, or of what the folder of a preset holds."""
    if path.is_dir():
        return fingerprint_of_preset(path)
    return digest(path)


@contextmanager
def _named_by_layout(path: Path, *, keras3: bool) -> Iterator[Path]:
    """The file under a name that Keras reads it by: it goes by the end of the name, not by the content.

    A file that was added to the store has the name of the official one, in whichever layout it is.
    """
    if path.name.endswith(".weights.h5") == keras3 and path.suffix == ".h5":
        yield path
        return
    with TemporaryDirectory(prefix="tellapart-") as folder:
        named = Path(folder) / ("named.weights.h5" if keras3 else "named.h5")
        try:
            named.symlink_to(path.resolve())
        except OSError:  # Windows allows links only to some
            shutil.copyfile(path, named)
        yield named
