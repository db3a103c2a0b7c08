"""What was measured once on this machine, kept in `cache/machine.json` so that later runs read it.

It is kept by processor, usable cores and versions of what computes: another machine that shares the cache, or a new
version, measures its own. A file that is damaged, or was changed by hand to something else, is measured anew.
"""

import json
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.files import write_json
from tellapart.machine import processor, usable_cores
from tellapart.photos.scan import digest_of

FILE: Final = "machine.json"
_FORMAT: Final = 1
_VERSIONS: Final = ("onnxruntime", "openvino", "numpy")
_MACHINES: Final = "machines"
_SIDE: Final = 2048  # a product takes 0.1 s on two cores; smaller ones stay below the peak
_TIMES: Final = 5


def kept(cache: Path, name: str) -> Any:
    """What was kept of this machine under a name; None where there is nothing."""
    return _machines(cache).get(_key(), {}).get(name)


def keep(cache: Path, name: str, value: Any) -> None:
    """Keep something under a name, beside what is there.

    Args:
        cache: The cache's folder.
        name: What was measured, of what.
        value: Anything that JSON takes.

    Raises:
        StorageError: The file cannot be written.
    """
    machines = _machines(cache)
    machines[_key()] = {**_described(), **machines.get(_key(), {}), name: value}
    write_json(cache / FILE, {"format": _FORMAT, _MACHINES: machines})


def measured_peak() -> float:
    """What a product of large float32 matrices reaches on all usable cores, in 10^9 operations a second."""
    left, right = np.random.default_rng(0).random((2, _SIDE, _SIDE), dtype=np.float32)
    seconds = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - start)
    return 2 * _SIDE**3 / min(seconds) / 1e9


def _machines(cache: Path) -> dict[str, dict[str, Any]]:
    try:
        told = json.loads((cache / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(told, Mapping) or told.get("format") != _FORMAT or not isinstance(told.get(_MACHINES), Mapping):
        return {}
    return {key: dict(of_one) for key, of_one in told[_MACHINES].items() if isinstance(of_one, Mapping)}


def _key() -> str:
    return digest_of([f"{name} {value}" for name, value in _described().items()])[:12]


def _described() -> dict[str, Any]:
    return {"processor": processor(), "cores": usable_cores(), "versions": {name: _version(name) for name in _VERSIONS}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
