"""What the real MobileNetV2 makes of every view, computed once and kept.

    python training/pocket/teacher.py --weights FILE --photos FOLDER... --out MAPS

MAPS then holds, for view number v, `student-v.npy` (photos, 128, 128, 3)
uint8, and for each depth `middle-v.npy` (photos, 16, 16, 96) and `last-v.npy`
(photos, 8, 8, 320), int8, in steps of `scales.npz`. A view that is there is
not computed again; one that was cut off is.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from views import STUDENT_SIZE, TEACHER_SIZE, VIEWS, photo_files, views

DEPTHS = {"middle": "block_12_add", "last": "block_16_project_BN"}
BATCH = 16


def export(weights: Path, path: Path) -> None:
    """Write MobileNetV2 with one output a depth, from RGB 0 to 255, as ONNX."""
    import keras

    size = (TEACHER_SIZE, TEACHER_SIZE, 3)
    network = keras.applications.MobileNetV2(include_top=False, weights=str(weights), input_shape=size)
    photo = keras.Input(size)
    several = keras.Model(network.input, [network.get_layer(name).output for name in DEPTHS.values()])
    whole = keras.Model(photo, several(keras.layers.Rescaling(1 / 127.5, offset=-1)(photo)))
    whole(np.zeros((1, *size), np.float32))
    whole.export(str(path), format="onnx", verbose=False)


class Teacher:
    """The exported network, run through ONNX Runtime."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, pictures: list[np.ndarray]) -> list[np.ndarray]:
        """The maps of some pictures, one array a depth."""
        return list(self._session.run(None, {self._input: np.stack(pictures).astype(np.float32)}))


def choose_scales(teacher: Teacher, files: list[Path], seed: int) -> dict[str, np.ndarray]:
    """The step of int8 for each channel of each depth: its largest value in 512 photos is 127 steps."""
    some = [large for large, _ in views(files[:: max(1, len(files) // 512)], 0, seed)]
    largest: dict[str, np.ndarray] = {}
    for start in range(0, len(some), BATCH):
        for depth, maps in zip(DEPTHS, teacher(some[start : start + BATCH]), strict=True):
            now = np.abs(maps).max(axis=(0, 1, 2))
            largest[depth] = np.maximum(largest.get(depth, now), now)
    return {depth: (most / 127).astype(np.float32) for depth, most in largest.items()}


def compute_view(teacher: Teacher, files: list[Path], number: int, out: Path, seed: int) -> None:
    """Write one view of every photo and its maps."""
    scales = np.load(out / "scales.npz")
    shapes = {"student": (STUDENT_SIZE, STUDENT_SIZE, 3), "middle": (16, 16, 96), "last": (8, 8, 320)}
    kinds = {"student": np.uint8, "middle": np.int8, "last": np.int8}
    stores = {
        name: np.lib.format.open_memmap(
            out / f"{name}-{number}.npy.part", mode="w+", dtype=kinds[name], shape=(len(files), *shape)
        )
        for name, shape in shapes.items()
    }
    waiting: list[np.ndarray] = []
    start, done = time.time(), 0
    for position, (large, small) in enumerate(views(files, number, seed)):
        stores["student"][position] = small
        waiting.append(large)
        if len(waiting) == BATCH or position == len(files) - 1:
            for depth, maps in zip(DEPTHS, teacher(waiting), strict=True):
                steps = np.clip(np.rint(maps / scales[depth]), -127, 127)
                stores[depth][done : done + len(waiting)] = steps.astype(np.int8)
            done += len(waiting)
            waiting = []
    for name, store in stores.items():
        store.flush()
        (out / f"{name}-{number}.npy.part").rename(out / f"{name}-{number}.npy")
    sys.stderr.write(f"view {number}: {done} photos, {done / (time.time() - start):.0f} a second\n")


def main() -> None:
    """Read the command line and compute what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    exported = given.out / "teacher.onnx"
    if not exported.exists():
        export(given.weights, exported)
    teacher, files = Teacher(exported), photo_files(given.photos)
    if not (given.out / "scales.npz").exists():
        np.savez(given.out / "scales.npz", **choose_scales(teacher, files, given.seed))
    for number in range(VIEWS):
        if not (given.out / f"last-{number}.npy").exists():
            compute_view(teacher, files, number, given.out, given.seed)


if __name__ == "__main__":
    main()
