"""Small files in both of Keras' layouts, without Keras."""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np


def write_older(path: Path, arrays: Mapping[str, tuple[int, ...]], *, inside: str = "", pieces: bool = False) -> Path:
    """A file as `.h5` is: layers listed in an attribute, or in `pieces` of one."""
    with h5py.File(path, "w") as file:
        group = file.create_group(inside) if inside else file
        names = [name.encode() for name in arrays]
        if pieces:
            for number, piece in enumerate(names):
                group.attrs[f"layer_names{number}"] = [piece]
        else:
            group.attrs["layer_names"] = names
        for name, shape in arrays.items():
            layer = group.create_group(name)
            layer.attrs["weight_names"] = [b"kernel:0"]
            layer["kernel:0"] = np.ones(shape, dtype=np.float32)
    return path


def write_keras3(path: Path, arrays: Mapping[str, tuple[int, ...]]) -> Path:
    """A file as `.weights.h5` is: a tree, with the state of an optimizer and of a random generator beside it."""
    with h5py.File(path, "w") as file:
        for name, shape in arrays.items():
            file[f"layers/{name}/vars/0"] = np.ones(shape, dtype=np.float32)
        file["layers/normalization/vars/2"] = np.int32(1)
        file["layers/dropout/seed_generator/vars/0"] = np.zeros(2, dtype=np.uint32)
        file["optimizer/vars/0"] = np.zeros(50, dtype=np.float32)
    return path
