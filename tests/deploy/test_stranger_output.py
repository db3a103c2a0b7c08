from dataclasses import replace

import numpy as np
import onnx
import pytest
from tiny_model import Handed, doubting_model, tiny_model

from tellapart.deploy.export import answer_both, calibrated
from tellapart.deploy.stranger_output import strangers_of, with_strangers
from tellapart.evaluation.strangers import Strangers
from tellapart.models.forward import Forward
from tellapart.models.onnx_export import to_onnx
from tellapart.models.scratch import outputs_of

PICTURES = np.random.default_rng(0).uniform(0, 255, (9, 16, 16, 3)).astype(np.float32)
LABELS = np.arange(15) % 3


@pytest.fixture(scope="module")
def handed() -> Handed:
    return doubting_model()


@pytest.fixture(scope="module")
def plain(handed: Handed) -> bytes:
    """The network with its features as they are."""
    return handed.fitted.as_onnx()


@pytest.fixture(scope="module")
def strangers(handed: Handed) -> Strangers:
    found = strangers_of(handed.fitted, LABELS)
    assert found is not None
    return found


def test_the_file_gives_what_numpy_gives(handed: Handed, plain: bytes, strangers: Strangers) -> None:
    forward = Forward(with_strangers(plain, strangers))
    probabilities, told = forward.named_outputs(PICTURES).values()
    trained = handed.fitted.features
    assert trained is not None
    expected, features = outputs_of(trained.network, PICTURES)
    assert told.shape == (9,)
    assert told.dtype == np.float32
    assert told == pytest.approx(strangers.scores(features), rel=1e-3)
    assert np.ptp(told) > 0.1
    assert probabilities == pytest.approx(expected, abs=1e-5)
    assert [len(forward.named_outputs(PICTURES[:n])["stranger"]) for n in (1, 2)] == [1, 2]


def test_the_first_output_stays_what_it_was(plain: bytes, strangers: Strangers) -> None:
    content = with_strangers(plain, strangers)
    assert (Forward(content)(PICTURES) == Forward(to_onnx(tiny_model().fitted.network))(PICTURES)).all()
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model)
    assert [end.name for end in (model.graph.input[0], *model.graph.output)] == ["photo", "probabilities", "stranger"]
    assert [dim.dim_param for dim in model.graph.output[1].type.tensor_type.shape.dim] == ["photos"]


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_the_temperature_changes_no_stranger(plain: bytes, strangers: Strangers, temperature: float) -> None:
    before = Forward(with_strangers(plain, strangers)).named_outputs(PICTURES)
    warm = with_strangers(calibrated(plain, temperature), strangers)
    after = Forward(warm).named_outputs(PICTURES)
    assert (after["stranger"] == before["stranger"]).all()
    assert np.abs(after["probabilities"] - before["probabilities"]).max() > 1e-3
    late = Forward(calibrated(with_strangers(plain, strangers), temperature)).named_outputs(PICTURES)
    assert late["stranger"] == pytest.approx(before["stranger"])


def test_a_network_without_features_stays_as_it_is(strangers: Strangers) -> None:
    network = tiny_model().network
    assert with_strangers(network, strangers) is network
    assert strangers_of(tiny_model().fitted, LABELS) is None


def test_features_that_tell_nothing_leave_no_output(handed: Handed, plain: bytes) -> None:
    features = handed.fitted.features
    assert features is not None
    alike = replace(features, train=np.ones_like(features.train))
    assert strangers_of(replace(handed.fitted, features=alike), LABELS) is None
    forward = Forward(with_strangers(plain, None))
    assert [output.name for output in forward.outputs] == ["probabilities"]
    assert forward(PICTURES).shape == (9, 3)


def test_the_same_strangers_give_the_same_bytes(handed: Handed, plain: bytes, strangers: Strangers) -> None:
    again = strangers_of(handed.fitted, LABELS)
    assert with_strangers(plain, again) == with_strangers(handed.fitted.as_onnx(), strangers)


def test_the_check_against_keras_takes_strangers_along(handed: Handed) -> None:
    answers = answer_both(handed.network, handed.fitted, handed.root, handed.photos)
    assert answers.strangers is not None
    assert answers.strangers.shape == (20,)
    assert answer_both(tiny_model().network, handed.fitted, handed.root, handed.photos).strangers is None
