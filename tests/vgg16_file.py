"""VGG16's weights file without its dense layers, in the official layout, with seeded random values."""

from pathlib import Path

import h5py
import numpy as np

VGG16 = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
# Layer and shape of its kernel, in the order of the official file: 26 arrays, 14,714,688 numbers.
VGG16_LAYERS = [
    (f"block{block}_conv{place}", (3, 3, channels_in if place == 1 else channels, channels))
    for block, (places, channels_in, channels) in enumerate(
        ((2, 3, 64), (2, 64, 128), (3, 128, 256), (3, 256, 512), (3, 512, 512)), start=1
    )
    for place in range(1, places + 1)
]


def write_vgg16(folder: Path) -> Path:
    """Write the file under its official name; the deviation keeps activations about as large as their input."""
    path = folder / VGG16
    generator = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name, _ in VGG16_LAYERS]
        for name, shape in VGG16_LAYERS:
            group = file.create_group(name)
            arrays = {f"{name}_W_1:0": shape, f"{name}_b_1:0": shape[-1:]}
            group.attrs["weight_names"] = [key.encode() for key in arrays]
            deviation = float(np.sqrt(2 / np.prod(shape[:3])))
            for key, dims in arrays.items():
                scale = deviation if len(dims) > 1 else 0.02
                group[key] = generator.normal(0, scale, dims).astype(np.float32)
    return path
