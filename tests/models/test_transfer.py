from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_set import QUIET, draw_set, random_weights, task_on, tiny_backbone

from tellapart.errors import WeightsError
from tellapart.files import write_json
from tellapart.models import bottleneck, transfer
from tellapart.models.backend import keras
from tellapart.models.bottleneck import train_head
from tellapart.models.cuts import cut_layer, output_of
from tellapart.models.features import Pretrained, cut, load_pretrained
from tellapart.models.scratch import outputs_of, predict
from tellapart.models.task import Options, Task
from tellapart.models.training import Plan
from tellapart.models.transfer import in_keras, pretrained_for, train_last_block, with_features, with_head
from tellapart.photos.batches import pixels_of

pytestmark = QUIET


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Photos, weights, and one cache for all: what is frozen runs once."""
    place = tmp_path_factory.mktemp("transfer")
    return draw_set(place / "photos"), random_weights(place / "tiny.weights.h5"), place


@pytest.fixture
def task(places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.setattr(transfer, "VIEWS", 2)
    photos, weights, place = places
    keras.utils.set_random_seed(0)
    return task_on(photos, place, Options(image_size=64, epochs=20, backbone=tiny_backbone(), weights=weights))


def state(network: Pretrained) -> dict[str, list[np.ndarray]]:
    return {layer.name: layer.get_weights() for layer in network.network.layers}


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_without_weights_nothing_starts(places: tuple[Path, Path, Path]) -> None:
    with pytest.raises(WeightsError, match="Next: --backbone NAME"):
        pretrained_for(task_on(places[0], places[2], Options()))


@pytest.mark.slow
def test_the_head_learns_on_frozen_features(task: Task) -> None:
    pretrained = pretrained_for(task)
    before = state(pretrained)
    head = in_keras(train_head(task, pretrained.source, "tiny"))
    assert head.history.rows[-1].loss < head.history.rows[0].loss
    assert (head.train.argmax(axis=1) == task.labels(task.train)).mean() > 0.6
    assert (head.train.shape, head.valid.shape) == ((len(task.train), 3), (len(task.valid), 3))
    assert set(head.seconds) == {"features", "train"}
    assert all(same(before[name], after) for name, after in state(pretrained).items())


def test_the_whole_network_gives_what_the_head_gave(task: Task) -> None:
    pretrained = pretrained_for(task)
    head = in_keras(train_head(task, pretrained.source, "tiny"))
    whole = with_head(pretrained, head.network)
    pixels = np.stack(list(pixels_of(task.root, task.valid, pretrained.spec)))
    assert predict(whole, pixels) == pytest.approx(head.valid, abs=5e-3)  # features are kept in half precision
    shares, features = outputs_of(with_features(pretrained, head.network), pixels)
    assert shares == pytest.approx(predict(whole, pixels), abs=1e-6)
    assert features == pytest.approx(head.features[1], abs=5e-3)


@pytest.mark.slow
def test_fine_tuning_changes_the_last_block_and_the_head_alone(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bottleneck, "HEAD_PLAN", Plan(epochs=1))
    monkeypatch.setattr(transfer, "BLOCK_PLAN", Plan(epochs=3, learning_rate=1e-4, label_smoothing=0.1))
    pretrained = pretrained_for(task)
    head = in_keras(train_head(task, pretrained.source, "tiny"))
    before, head_before = state(pretrained), head.network.get_weights()
    block = train_last_block(task, pretrained, head, "tiny")
    assert block.history.best_epoch > 0
    after = state(pretrained)
    seam = cut_layer(pretrained.network, pretrained.backbone)
    upper = keras.Model(output_of(seam), pretrained.network.output)
    above = {operation.name for operation in upper.operations} - {seam.name}
    changed = {name for name in before if not same(before[name], after[name])}
    norms = {layer.name for layer in pretrained.network.layers if isinstance(layer, keras.layers.BatchNormalization)}
    weighted = {name for name in before if before[name]}
    assert changed
    assert changed == (weighted & above) - norms
    assert norms & above
    assert not same(head_before, head.network.get_weights())
    # The whole network, with the photo as it comes, gives what the halves gave.
    pixels = np.stack(list(pixels_of(task.root, task.valid, pretrained.spec)))
    shares, features = outputs_of(with_features(pretrained, head.network), pixels)
    assert shares == pytest.approx(block.valid, abs=5e-3)
    assert features == pytest.approx(block.features[1], abs=1e-2)
    assert np.abs(features - head.features[1]).max() > 0.01  # the block that learned makes others of them


@pytest.mark.slow
def test_where_no_epoch_is_better_the_state_of_the_head_stays(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "BLOCK_PLAN", Plan(epochs=1, learning_rate=0.3))
    pretrained = pretrained_for(task)
    head = in_keras(train_head(task, pretrained.source, "tiny"))
    before, head_before = state(pretrained), head.network.get_weights()
    block = train_last_block(task, pretrained, head, "tiny")
    assert block.history.best_epoch == 0
    assert len(block.history.rows) == 1
    assert (head.history + block.history).best_epoch == head.history.best_epoch
    assert same(head_before, head.network.get_weights())
    assert all(same(before[name], after) for name, after in state(pretrained).items())
    assert block.valid == pytest.approx(head.valid, abs=5e-3)


@pytest.mark.slow
def test_rounds_that_take_turns_share_one_file_of_activations(task: Task, tmp_path: Path) -> None:
    everything = task.train + task.valid
    rounds = [
        replace(task, cache=tmp_path, together=everything, train=train, valid=valid)
        for train, valid in ((task.train, task.valid), (everything[6:], everything[:6]))
    ]
    pretrained = pretrained_for(task)
    halves = cut(pretrained, tmp_path)
    for one in rounds:
        assert transfer._views(one, pretrained, halves, one.train, 2).kept.shape[:2] == (len(everything), 2)
    kept = list((tmp_path / "activations").glob("*.npy"))
    assert len(kept) == 1
    n_pictures = 2 * len(everything)
    write_json(kept[0].with_suffix(".json"), {"photos": n_pictures, "seconds": 900.0})
    share = transfer._views(replace(rounds[0], rounds=3), pretrained, halves, task.train, 2).found_done
    assert share == pytest.approx(300, abs=5)  # of the seconds that it took to compute them, a third
    alone = transfer._views(replace(task, cache=tmp_path), pretrained, halves, task.valid, 1)
    shared = transfer._views(rounds[0], pretrained, halves, task.valid, 2)
    assert np.array_equal(shared.kept[shared.rows, 0], alone.kept[alone.rows, 0])
    assert len(list((tmp_path / "activations").glob("*.npy"))) == 2


def test_a_file_of_another_network_is_refused(task: Task, tmp_path: Path) -> None:
    (tmp_path / "other.h5").write_bytes(b"")
    with pytest.raises(WeightsError, match="HDF5"):
        load_pretrained(tiny_backbone(), 64, tmp_path / "other.h5")
    assert task.options.weights != tmp_path / "other.h5"
