"""What opening a model file costs, and what its heat map costs in each answer.

    python benchmarks/model_file.py MODEL... [--rounds 12]

Prints for each file the median of some rounds, in milliseconds: of opening it, the session of ONNX Runtime by itself,
the checks of its bytes (structure, weights, digest), and the golden photos. Of answering 16 photos of noise on one
thread, in processor time: without the output `heat`; with it, fetching the other outputs alone; and with it fetched.
Side by side in every round, so that a busy machine slows all alike. A file of an early version gets the output first,
which takes the extra `explain`.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnxruntime

from tellapart.deploy.names import HEAT
from tellapart.deploy.runtime import Model, _checked
from tellapart.deploy.seal import without_output
from tellapart.explain.heat_output import with_heat
from tellapart.models.forward import Forward

PHOTOS = 16
Parts = dict[str, Callable[[], object]]


def one_thread(content: bytes) -> Any:
    """A session on one thread, whose processor time is the work that it does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def opening(content: bytes) -> Parts:
    """What opening a file consists of."""
    model = Model(content, "model.onnx")
    return {
        "session": lambda: Forward(content),
        "checks": lambda: _checked(content, "model.onnx"),
        "golden photos": lambda: model._check("model.onnx"),
        "all of it": lambda: Model(content, "model.onnx"),
    }


def answering(content: bytes) -> Parts:
    """Answers without, beside and with the heat map."""
    model = Model(content, "model.onnx")
    plain = without_output(content, HEAT)
    hot = content if plain != content else with_heat(content, model.passport.get("backbone"))
    without, with_it = one_thread(plain), one_thread(hot)
    names = [output.name for output in without.get_outputs()]
    size = model.spec.size
    noise = np.random.default_rng(0).integers(0, 256, (PHOTOS, size, size, 3)).astype(np.float32)
    return {
        "without": lambda: without.run(None, {"photo": noise}),
        "others alone": lambda: with_it.run(names, {"photo": noise}),
        "heat": lambda: with_it.run(None, {"photo": noise}),
    }


def milliseconds(parts: Parts, rounds: int, clock: Callable[[], float]) -> str:
    """The median of each part over some rounds, one line."""
    told: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, run in parts.items():
            start = clock()
            run()
            told[name].append(1000 * (clock() - start))
    return ", ".join(f"{name} {median(times):.1f}" for name, times in told.items())


def main() -> None:
    """Print the figures of each file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=12)
    given = parser.parse_args()
    for path in given.models:
        content = path.read_bytes()
        sys.stdout.write(f"{path}, {len(content) / 1e6:.1f} MB\n")
        sys.stdout.write(f"  opening: {milliseconds(opening(content), given.rounds, time.perf_counter)}\n")
        sys.stdout.write(f"  answering: {milliseconds(answering(content), given.rounds, time.process_time)}\n")


if __name__ == "__main__":
    main()
