"""Make the package's file of a trained network: `<layer>/kernel` and `<layer>/bias`, float16.

python training/pocket/pack.py TRAINED/folded.npz src/tellapart/models/pocket.safetensors
"""

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

ORIGIN = {
    "name": "pocket",
    "licence": "Apache-2.0",
    "origin": "Distilled by training/pocket from the ImageNet MobileNetV2 of the ONNX model zoo (Apache-2.0).",
}


def main() -> None:
    """Read the command line and convert."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folded", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    with np.load(given.folded) as arrays:
        halves = {name: np.ascontiguousarray(arrays[name], dtype=np.float16) for name in arrays.files}
    if not all(np.isfinite(array).all() for array in halves.values()):
        raise SystemExit("A weight is too large for float16")
    save_file(halves, given.target, metadata=ORIGIN)


if __name__ == "__main__":
    main()
