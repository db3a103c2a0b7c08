"""How a backbone runs fastest on this machine: measured once, and kept.

Only what is computed of photos on the way is run like this (features, activations below the cut). Scores and answers
are those of the model file on ONNX Runtime, `forward.Forward`.

Of ONNX Runtime every choice gives the same bits: threads and batches change nothing but the time (docs/LOG.md).
OpenVINO rounds otherwise, so it has to be well ahead, and a choice that was made once stands.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache as once
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from tellapart.cache import kept_where_possible
from tellapart.machine import streams_and_threads, usable_cores
from tellapart.models.forward import Streams, runtime_session
from tellapart.models.machine_record import keep, kept

ONNX_RUNTIME: Final = "onnxruntime"
OPENVINO: Final = "openvino"
BATCHES: Final = (4, 1, 8, 16, 32)  # the first is the default: larger ones leave the processor's caches
_SECONDS: Final = 2.0
_ROUNDS: Final = 3
_TURN: Final = 0.05  # seconds that one timing takes at least
_WORTH: Final = 20.0  # seconds of work: less is done before a choice has paid for its own time
Rows = Callable[[np.ndarray], Iterable[Any]]  # from a batch to one result a photo
# OpenVINO's binding sets itself up in its first call; two threads that make it at once wait for each other for ever.
_FIRST: Final = threading.Lock()
_AHEAD: Final = {ONNX_RUNTIME: 1.1, OPENVINO: 1.25}  # times as fast as the default, or the default stays


@dataclass(frozen=True)
class Settings:
    """How a network is run.

    Attributes:
        engine: `ONNX_RUNTIME` or `OPENVINO`.
        streams: Batches that are computed at once.
        threads: Threads that work together on one of them.
        batch: Photos a batch.
    """

    engine: str
    streams: int
    threads: int
    batch: int

    @classmethod
    def from_dict(cls, told: Any) -> Self | None:
        """The inverse of `asdict`; None where it is something else, or an engine that is not here."""
        if not isinstance(told, Mapping) or told.get("engine") not in _engines():
            return None
        numbers = [told.get(name) for name in ("streams", "threads", "batch")]
        if not all(type(number) is int and 1 <= number <= 1024 for number in numbers):
            return None
        return cls(str(told["engine"]), *(int(number) for number in numbers if number is not None))


def default_settings() -> Settings:
    """A batch for each core, of ONNX Runtime."""
    return Settings(ONNX_RUNTIME, *streams_and_threads(usable_cores()), BATCHES[0])


def fast_forward(
    content: bytes, key: str, cache: Path, outputs: Sequence[str] = (), n_photos: float = math.inf
) -> Streams:
    """Open a network as it runs fastest on this machine.

    Args:
        content: The bytes of an ONNX file of one input, photos.
        key: What network at what size it is; the choice is kept by it in `cache/machine.json`.
        cache: The cache's folder.
        outputs: Which of its outputs; without names the first.
        n_photos: How many it will be shown. Where they are soon done it runs by default, and nothing is measured.

    Returns:
        Gives an array a photo, or where several outputs are named a tuple of them.
    """
    name = f"engine {key}"
    settings = Settings.from_dict(kept(cache, name))
    opened = _opener(content, outputs)
    if settings is None and _is_soon_done(opened(default_settings()), content, n_photos):
        return opened(default_settings())
    if settings is None:
        settings, rate = measured(content, opened)
        with kept_where_possible():
            keep(cache, name, {**asdict(settings), "photos_per_second": round(rate, 1)})
    return opened(settings)


def _is_soon_done(run: Streams, content: bytes, n_photos: float) -> bool:
    if math.isinf(n_photos):
        return False
    photo = _photo_of(content)
    _rate(run, photo, turn=0)
    return n_photos / _rate(run, photo)[0] < _WORTH


def measured(content: bytes, opened: Callable[[Settings], Streams]) -> tuple[Settings, float]:
    """Choose settings by a measurement of some two seconds.

    The default stays unless something is well ahead of it in every round: on a busy machine single timings say little,
    and what was chosen stands for long. Of a network that is slow only the first candidates are measured.

    Args:
        content: The bytes of an ONNX file.
        opened: Gives the network as some settings run it.

    Returns:
        The settings, and the photos a second that they reached at best.
    """
    photo = _photo_of(content)
    tried = candidates()
    _, seconds = _rate(opened(tried[0]), photo, turn=0)
    tried = tried[: max(2, int(_SECONDS / (_ROUNDS * max(seconds, _TURN))))]
    for settings in tried[1:]:
        _rate(opened(settings), photo, turn=0)  # memory is taken, kernels are chosen
    rounds = [{settings: _rate(opened(settings), photo)[0] for settings in tried} for _ in range(_ROUNDS)]
    return _fastest(rounds)


def candidates() -> list[Settings]:
    """What is tried, the default first, then what may gain most."""
    plain, cores = default_settings(), usable_cores()
    tried = [plain]
    if OPENVINO in _engines():
        tried.append(Settings(OPENVINO, plain.streams, plain.threads, plain.batch))
    if cores > 1:
        tried.append(Settings(ONNX_RUNTIME, 1, cores, plain.batch))
    if cores > 3:  # two of them may be one in truth
        tried.append(Settings(ONNX_RUNTIME, plain.streams // 2, plain.threads, plain.batch))
    return tried + [Settings(ONNX_RUNTIME, plain.streams, plain.threads, batch) for batch in BATCHES[1:]]


def _fastest(rounds: Sequence[Mapping[Settings, float]]) -> tuple[Settings, float]:
    plain = next(iter(rounds[0]))
    times = {settings: min(rates[settings] / rates[plain] for rates in rounds) for settings in rounds[0]}
    ahead = [settings for settings in times if times[settings] > _AHEAD[settings.engine]]
    best = max(ahead, key=lambda settings: times[settings], default=plain)
    return best, max(rates[best] for rates in rounds)


def _rate(run: Streams, photo: np.ndarray, *, turn: float = _TURN) -> tuple[float, float]:
    """Photos a second with every stream at work, and the seconds that it took to see."""
    done, start, seconds = 0, time.perf_counter(), 0.0
    while not done or seconds < turn:
        done += sum(1 for _ in run.each([photo] * (run.streams * run.batch)))
        seconds = time.perf_counter() - start
    return done / seconds, seconds


def _photo_of(content: bytes) -> np.ndarray:
    """A made-up photo of the network's size."""
    shape = tuple(runtime_session(content, optimised=False).get_inputs()[0].shape[1:])
    return np.asarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def _engines() -> tuple[str, ...]:
    return (ONNX_RUNTIME, OPENVINO) if find_spec(OPENVINO) else (ONNX_RUNTIME,)


def _opener(content: bytes, outputs: Sequence[str]) -> Callable[[Settings], Streams]:
    """Give a network as settings say; what is alike for several is opened once."""
    on_onnx_runtime = once(lambda threads: _onnx_runtime(content, threads, outputs))
    on_openvino = once(lambda streams, threads: _openvino(content, streams, threads, outputs))

    def opened(settings: Settings) -> Streams:
        if settings.engine == OPENVINO:
            run = on_openvino(settings.streams, settings.threads)
        else:
            run = on_onnx_runtime(settings.threads)  # one session takes any number of streams
        return Streams(run, streams=settings.streams, batch=settings.batch)

    return opened


def _onnx_runtime(content: bytes, threads: int, outputs: Sequence[str]) -> Rows:
    session = runtime_session(content, threads=threads)
    name = session.get_inputs()[0].name
    wanted = list(outputs) or [session.get_outputs()[0].name]

    def run(batch: np.ndarray) -> Iterable[Any]:
        return _rows(session.run(wanted, {name: batch.astype(np.float32, copy=False)}))

    return run


def _openvino(content: bytes, streams: int, threads: int, outputs: Sequence[str]) -> Rows:
    import openvino

    settings = {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams * threads, "INFERENCE_PRECISION_HINT": "f32"}
    runtime = openvino.Core()
    compiled = runtime.compile_model(runtime.read_model(content), "CPU", settings)
    wanted = [compiled.output(name) for name in outputs or (0,)]
    own = threading.local()  # a request is of one thread

    def answered(batch: np.ndarray) -> Iterable[Any]:
        found = own.request.infer({0: batch.astype(np.float32, copy=False)})
        # Copies: the request's own memory is written again by its next batch.
        return _rows([np.array(found[one]) for one in wanted])

    def run(batch: np.ndarray) -> Iterable[Any]:
        if hasattr(own, "request"):
            return answered(batch)
        with _FIRST:
            own.request = compiled.create_infer_request()
            return answered(batch)

    return run


def _rows(found: Sequence[np.ndarray]) -> Iterable[Any]:
    return found[0] if len(found) == 1 else list(zip(*found, strict=True))
