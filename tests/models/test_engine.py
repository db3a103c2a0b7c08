import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tellapart.models import engine
from tellapart.models.engine import (
    BATCHES,
    ONNX_RUNTIME,
    OPENVINO,
    Settings,
    candidates,
    default_settings,
    fast_forward,
    measured,
)
from tellapart.models.forward import Forward, Streams, in_batches
from tellapart.models.machine_record import keep, kept
from tiny_backbone import tiny_backbone

WITH_OPENVINO = pytest.mark.skipif(not find_spec("openvino"), reason="openvino is not installed")
PHOTOS = np.random.default_rng(0).integers(0, 256, (21, 24, 24, 3), dtype=np.uint8)


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[tuple[str, int, int], float]], list[int]]:
    """Let candidates reach given photos a second, by engine, streams and batch; all others reach 100."""

    def be(told: dict[tuple[str, int, int], float], seconds: float = 0.01) -> list[int]:
        turns: list[int] = []
        open_one = engine._opener

        def opener(content: bytes, outputs: Sequence[str]) -> Callable[[Settings], Streams]:
            opened = open_one(content, outputs)

            def tagged(settings: Settings) -> Streams:
                run = opened(replace(settings, engine=ONNX_RUNTIME))
                run.rate = told.get((settings.engine, settings.streams, settings.batch), 100.0)  # type: ignore[attr-defined]
                return run

            return tagged

        def rate(run: Streams, photo: np.ndarray, *, turn: float = 1.0) -> tuple[float, float]:
            assert photo.shape == (24, 24, 3)
            turns.extend([run.batch] if turn else [])
            return run.rate, seconds  # type: ignore[attr-defined]

        monkeypatch.setattr(engine, "_opener", opener)
        monkeypatch.setattr(engine, "_rate", rate)
        return turns

    monkeypatch.setattr(engine, "usable_cores", lambda: 4)
    monkeypatch.setattr(engine, "_engines", lambda: (ONNX_RUNTIME, OPENVINO))
    return be


def choose() -> Settings:
    content = tiny_backbone()
    return measured(content, engine._opener(content, ()))[0]


def test_the_choice_is_kept_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fast_forward(tiny_backbone(), "tiny", tmp_path)
    settings = Settings.from_dict(kept(tmp_path, "engine tiny"))
    assert settings in candidates()
    assert len(list(fast_forward(tiny_backbone(), "both", tmp_path, ["features", "maps"]).each(PHOTOS))) == len(PHOTOS)
    monkeypatch.setattr(engine, "measured", None)  # measuring again would raise
    again = fast_forward(tiny_backbone(), "tiny", tmp_path)
    assert (again.streams, again.batch) == (first.streams, first.batch)


def test_for_few_photos_nothing_is_measured(tmp_path: Path, rates: Any) -> None:
    rates({(OPENVINO, 4, 4): 300.0})
    run = fast_forward(tiny_backbone(), "tiny", tmp_path, n_photos=1900)  # 19 seconds at 100 a second
    assert (run.streams, run.batch) == (default_settings().streams, default_settings().batch)
    assert kept(tmp_path, "engine tiny") is None
    fast_forward(tiny_backbone(), "tiny", tmp_path, n_photos=2100)
    assert kept(tmp_path, "engine tiny")["engine"] == OPENVINO
    keep(tmp_path, "engine tiny", asdict(Settings(ONNX_RUNTIME, 3, 1, 8)))
    assert fast_forward(tiny_backbone(), "tiny", tmp_path, n_photos=10).batch == 8  # what was chosen stands


@pytest.mark.parametrize(
    "told",
    [
        "fast",
        {"engine": "warp", "streams": 1, "threads": 1, "batch": 1},
        {"engine": ONNX_RUNTIME, "streams": 0, "threads": 1, "batch": 1},
        {"engine": ONNX_RUNTIME, "streams": 1, "threads": 1, "batch": 1e9},
        {"engine": ONNX_RUNTIME, "streams": True, "threads": 1, "batch": 1},
        {"engine": ONNX_RUNTIME},
    ],
)
def test_a_choice_that_is_none_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: object) -> None:
    keep(tmp_path, "engine tiny", told)
    monkeypatch.setattr(engine, "measured", lambda content, opened: (default_settings(), 9.0))  # noqa: ARG005
    fast_forward(tiny_backbone(), "tiny", tmp_path)
    assert kept(tmp_path, "engine tiny") == {**asdict(default_settings()), "photos_per_second": 9.0}


def test_of_onnx_runtime_every_choice_gives_the_same_bits(tmp_path: Path) -> None:
    expected = np.stack(list(in_batches(Forward(tiny_backbone()), PHOTOS)))
    for settings in [Settings(ONNX_RUNTIME, 3, threads, batch) for threads in (1, 2) for batch in BATCHES]:
        keep(tmp_path, "engine tiny", asdict(settings))
        run = fast_forward(tiny_backbone(), "tiny", tmp_path)
        assert (run.streams, run.batch) == (3, settings.batch)
        assert np.array_equal(np.stack(list(in_batches(run, PHOTOS))), expected)
        assert np.array_equal(run(PHOTOS), expected)


@WITH_OPENVINO
def test_openvino_agrees_within_rounding(tmp_path: Path) -> None:
    keep(tmp_path, "engine tiny", asdict(Settings(OPENVINO, 2, 1, 4)))
    found = np.stack(list(in_batches(fast_forward(tiny_backbone(), "tiny", tmp_path, ["features"]), PHOTOS)))
    expected = Forward(tiny_backbone()).named_outputs(PHOTOS)["features"]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("kind", [ONNX_RUNTIME, pytest.param(OPENVINO, marks=WITH_OPENVINO)])
def test_outputs_are_asked_for_by_name(tmp_path: Path, kind: str) -> None:
    keep(tmp_path, "engine tiny", asdict(Settings(kind, 2, 1, 4)))
    expected = Forward(tiny_backbone()).named_outputs(PHOTOS)
    near = {name: pytest.approx(found, abs=1e-4) for name, found in expected.items()}
    assert fast_forward(tiny_backbone(), "tiny", tmp_path)(PHOTOS) == near["maps"]
    assert fast_forward(tiny_backbone(), "tiny", tmp_path, ["features"])(PHOTOS) == near["features"]
    both = list(fast_forward(tiny_backbone(), "tiny", tmp_path, ["features", "maps"]).each(PHOTOS))
    assert len(both) == len(PHOTOS)
    for place, name in enumerate(("features", "maps")):
        assert np.stack([one[place] for one in both]) == near[name]


def test_the_default_stays_where_nothing_is_well_ahead(rates: Callable[..., list[int]]) -> None:
    rates({(ONNX_RUNTIME, 4, 8): 109.0, (OPENVINO, 4, BATCHES[0]): 124.0})
    assert choose() == Settings(ONNX_RUNTIME, 4, 1, BATCHES[0])


def test_the_fastest_is_taken_where_it_is(rates: Callable[..., list[int]]) -> None:
    rates({(ONNX_RUNTIME, 4, 8): 120.0, (ONNX_RUNTIME, 4, 16): 130.0, (OPENVINO, 4, BATCHES[0]): 124.0})
    assert choose() == Settings(ONNX_RUNTIME, 4, 1, 16)
    rates({(OPENVINO, 4, BATCHES[0]): 200.0})
    assert choose() == Settings(OPENVINO, 4, 1, BATCHES[0])


def test_what_is_ahead_in_one_round_alone_is_not_taken(
    rates: Callable[..., list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates({})
    reached = iter([100.0, 300.0] * 2 + [100.0, 90.0])
    monkeypatch.setattr(engine, "candidates", lambda: [default_settings(), Settings(ONNX_RUNTIME, 4, 1, 32)])
    told = engine._rate
    monkeypatch.setattr(
        engine, "_rate", lambda run, photo, *, turn=1.0: (next(reached), 0.1) if turn else told(run, photo, turn=turn)
    )
    assert choose() == default_settings()


def test_a_slow_network_is_not_measured_for_long(rates: Callable[..., list[int]]) -> None:
    turns = rates({}, seconds=1.5)
    assert choose() == Settings(ONNX_RUNTIME, 4, 1, BATCHES[0])
    assert len(turns) == 2 * engine._ROUNDS


def test_many_cores_share_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "usable_cores", lambda: 64)
    assert default_settings() == Settings(ONNX_RUNTIME, 16, 4, BATCHES[0])
    monkeypatch.setattr(engine, "usable_cores", lambda: 1)
    assert {(one.streams, one.threads) for one in candidates()} == {(1, 1)}


def test_first_calls_of_openvino_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once never end: its binding sets itself up in the first one (seen in two processes of some ten)."""
    busy, overlapping = [0], []

    class Request:
        first = True

        def infer(self, photos: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
            if self.first:
                busy[0] += 1
                overlapping.append(busy[0] > 1)
                time.sleep(0.05)
                busy[0] -= 1
            self.first = False
            return photos

    compiled = SimpleNamespace(create_infer_request=Request, output=lambda name: name)
    core = SimpleNamespace(read_model=lambda content: content, compile_model=lambda *_: compiled)
    monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(Core=lambda: core))
    run = engine._openvino(b"", 3, 1, ())
    together = Barrier(3)

    def twice(number: int) -> list[float]:
        together.wait()
        return [float(row) for _ in range(2) for row in run(np.array([number]))]

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(twice, range(3))) == [[0, 0], [1, 1], [2, 2]]
    assert overlapping == [False] * 3
