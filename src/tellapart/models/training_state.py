"""The state of a training in a file, so that one whose process was killed goes on where it was.

A file is safetensors: plain arrays, and a line of JSON. It is written whole, and read by a training with the same
signature alone: where there is none, it is trained anew.
"""

import json
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.files import write_bytes

_FORMAT: Final = 1
_TOLD: Final = "state"
# At most so many seconds of epochs are done again after a kill, or so many times what saving takes.
LEAST: Final = 1.0
TIMES: Final = 20.0


@dataclass(frozen=True)
class TrainingState:
    """What a training is after some epochs.

    Attributes:
        told: What JSON takes: epochs, counters, times.
        arrays: By group (`network`, `optimizer`, `best`), its arrays in order.
        chance: The state of Python's source of chance, by which Keras deals out batches and seeds layers.
    """

    told: dict[str, Any]
    arrays: dict[str, list[np.ndarray]]
    chance: np.ndarray


def worth_saving(saved: float, cost: float) -> bool:
    """Whether the epochs since a state was saved, or training began, are worth saving again.

    Args:
        saved: When that was, in `time.perf_counter()`.
        cost: Seconds that saving took.
    """
    return time.perf_counter() - saved >= max(LEAST, TIMES * cost)


def chance() -> np.ndarray:
    """The state of Python's source of chance, uint32."""
    return np.array(random.getstate()[1], dtype=np.uint32)


def set_chance(state: np.ndarray) -> None:
    """The inverse of `chance`."""
    random.setstate((random.getstate()[0], tuple(int(number) for number in state), None))


def write_state(path: Path, signature: str, state: TrainingState) -> None:
    """Write a state whole.

    Raises:
        StorageError: It cannot be written; what was there is as it was.
    """
    from safetensors.numpy import save

    told = {"format": _FORMAT, "signature": signature, **state.told}
    arrays = {
        f"{group}/{number}": np.asarray(array, order="C")
        for group, some in state.arrays.items()
        for number, array in enumerate(some)
    }
    write_bytes(path, save({**arrays, "chance": state.chance}, {_TOLD: json.dumps(told, allow_nan=False)}))


def read_state(path: Path, signature: str) -> TrainingState | None:
    """Read the state of a training; None where there is none, or that of another training, or a damaged one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            told = json.loads((file.metadata() or {}).get(_TOLD, "{}"))
            if (told.get("format"), told.get("signature")) != (_FORMAT, signature):
                return None
            keys = list(file.keys())
            groups = {key.partition("/")[0] for key in keys if "/" in key}
            arrays = {group: [file.get_tensor(key) for key in _of(group, keys)] for group in groups}
            return TrainingState(told, arrays, file.get_tensor("chance"))
    except (OSError, SafetensorError, ValueError, AttributeError):
        return None


def _of(group: str, keys: list[str]) -> list[str]:
    return sorted((key for key in keys if key.startswith(f"{group}/")), key=lambda key: int(key.partition("/")[2]))
