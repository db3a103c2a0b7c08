import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_set import QUIET

from tellapart import machine
from tellapart.models import networks, precision
from tellapart.models.backend import keras
from tellapart.models.precision import bfloat16_steps
from tellapart.models.training import Plan, Watcher, train
from tellapart.photos.batches import Batches, rows_of

pytestmark = QUIET


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """How a switch that does nothing is turned."""
    turns: list[bool] = []
    monkeypatch.setattr(precision, "_switch", lambda: turns.append)
    return turns


def test_validation_is_in_32_bits(turned: list[bool]) -> None:
    photos = np.random.default_rng(0).uniform(0, 255, (8, 16, 16, 3))
    part = Batches(rows_of(photos), np.arange(8) % 3, 4, 0)
    train(networks.baseline(3, 16), (part, part), Plan(2), Watcher("tiny"))
    assert turned == [True, False, True, False, True, False]


def test_it_ends_with_an_error(turned: list[bool]) -> None:
    with pytest.raises(RuntimeError), bfloat16_steps(networks.baseline(3, 16)):
        raise RuntimeError
    assert turned == [True, False]


def test_a_network_without_convolutions_that_learn_stays_as_it_is(turned: list[bool]) -> None:
    frozen = networks.baseline(3, 16)
    frozen.trainable = False
    photo = keras.Input((8, 8, 3))
    narrow = keras.Model(photo, keras.layers.DepthwiseConv2D(3)(keras.layers.Conv2D(4, 1)(photo)))
    for network in (networks.head(8, 3, dropout=0.5), frozen, narrow):
        with bfloat16_steps(network) as callbacks:
            assert callbacks == []
    assert turned == []


@pytest.mark.parametrize(
    ("flags", "found"), [("fpu avx512_bf16 amx", True), ("fpu avx2 avx512f", False), (None, False)]
)
def test_only_a_processor_that_multiplies_in_it_is_used(
    flags: str | None, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "cpuinfo"
    if flags is not None:
        told.write_text(f"processor : 0\nflags\t\t: {flags}\nflags\t\t: other\n")
    options: list[dict[str, bool]] = []
    fake = ModuleType("tensorflow")
    fake.config = SimpleNamespace(  # type: ignore[attr-defined]
        list_physical_devices=lambda _: [], optimizer=SimpleNamespace(set_experimental_options=options.append)
    )
    monkeypatch.setattr(machine, "_CPUINFO", told)
    monkeypatch.setitem(sys.modules, "tensorflow", fake)
    turn = precision._on_processor()
    assert (turn is not None) == found
    if turn:
        turn(True)
        turn(False)
        assert options == [{"auto_mixed_precision_onednn_bfloat16": on} for on in (True, False)]


@pytest.mark.parametrize("able", [True, False])
def test_a_gpu_of_pytorch_learns_in_it_where_it_can(able: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[Any] = []

    class Autocast:
        def __init__(self, device: str, dtype: str) -> None:
            happened.append((device, dtype))

        def __enter__(self) -> None:
            happened.append("in")

        def __exit__(self, *_: object) -> None:
            happened.append("out")

    fake = ModuleType("torch")
    fake.cuda = SimpleNamespace(is_available=lambda: True, is_bf16_supported=lambda: able)  # type: ignore[attr-defined]
    fake.autocast, fake.bfloat16 = Autocast, "bfloat16"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", fake)
    turn = precision._on_cuda()
    assert (turn is not None) == able
    if turn:
        for on in (True, True, False, False):
            turn(on)
    assert happened == ([("cuda", "bfloat16"), "in", "out"] if able else [])


def test_what_is_learned_is_near_what_32_bits_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this processor cannot, both are the same."""
    photos = np.random.default_rng(0).uniform(0, 255, (16, 32, 32, 3))
    photos[::2] *= 0.5
    part = Batches(rows_of(photos), np.arange(16) % 2, 8, 0)
    histories = []
    for switch in (precision._switch, lambda: None):
        monkeypatch.setattr(precision, "_switch", switch)
        keras.utils.set_random_seed(0)
        network = networks.deeper(2, 32)
        histories.append(train(network, (part, part), Plan(3, learning_rate=1e-4), Watcher("tiny")))
        assert all(weight.dtype == np.float32 for weight in network.get_weights())
    short, long = ([row.loss for row in history.rows] for history in histories)
    assert short[0] == pytest.approx(long[0], rel=0.1)
    assert short[2] == pytest.approx(long[2], abs=0.15)
    assert max(short[2], long[2]) < long[0] / 2
