"""Keras networks to ONNX: written directly, and by the backend's own converter; and what both files take to run.

    python benchmarks/onnx_export.py [--rounds 9] [NETWORK:SIZE:BATCH...]

Prints for each network the processor time of both exports, in seconds, and of one photo on one thread of ONNX Runtime,
in milliseconds: medians of some rounds side by side. Weights are random; a backbone ends in its pooled features.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime

from tellapart.models import networks
from tellapart.models.backbones import build_backbone, find_backbone
from tellapart.models.backend import keras
from tellapart.models.onnx_export import converted, to_onnx

NETWORKS = (
    "baseline:96:16",
    "deeper:96:16",
    "pocket:112:16",
    "mobilenet_v2:224:8",
    "mobilenet_v2:288:8",
    "vgg16:224:2",
)


def build(name: str, size: int) -> Any:
    """A network from scratch of 4 classes, or a backbone with its scaling and its mean."""
    if name in ("baseline", "deeper"):
        return getattr(networks, name)(4, size)
    backbone = find_backbone(name)
    photo = keras.Input((size, size, 3))
    return networks.pooled(keras.Model(photo, build_backbone(backbone, size)(backbone.preprocess(photo))))


def one_thread(content: bytes) -> Any:
    """A session on one thread, whose processor time is the work that it does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def taken(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time, and what came of it."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def measure(name: str, size: int, batch: int, rounds: int) -> str:
    """The line of a network."""
    network = build(name, size)
    exports = {"written": lambda: to_onnx(network), "converted": lambda: converted(network)}
    exported = {way: taken(export) for way, export in exports.items()}
    sessions = {way: one_thread(content) for way, (_, content) in exported.items()}
    photos = np.random.default_rng(0).uniform(0, 255, (batch, size, size, 3)).astype(np.float32)
    answers = {way: session.run(None, {"photo": photos})[0] for way, session in sessions.items()}
    difference = np.abs(answers["written"] - answers["converted"]).max() / np.abs(answers["converted"]).max()
    times: dict[str, list[float]] = {way: [] for way in sessions}
    for number in range(rounds):
        for way in sorted(sessions, reverse=bool(number % 2)):
            times[way].append(taken(lambda own=way: sessions[own].run(None, {"photo": photos}))[0])
    told = ", ".join(
        f"{way} in {exported[way][0]:.3f} s and {1000 * statistics.median(times[way]) / batch:.2f} ms a photo"
        for way in sessions
    )
    return f"{name} at {size}: {told}; largest relative difference {difference:.0e}"


def main() -> None:
    """Print a line for each network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    for told in given.networks:
        name, size, batch = told.split(":")
        sys.stdout.write(f"{measure(name, int(size), int(batch), given.rounds)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
