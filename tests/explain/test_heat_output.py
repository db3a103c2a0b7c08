from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from ladder_models import CLASSES, from_scratch, golden, nested, photos, recipe
from planted_square import model_of, pictures, share_inside, trained
from tellapart.deploy.export import stamp
from tellapart.deploy.names import HEAT
from tellapart.deploy.runtime import Model
from tellapart.explain.gradcam import hirescam
from tellapart.explain.heat_output import with_heat, with_heat_or_note
from tellapart.explain.network import Network
from tellapart.explain.placing import enlarged
from tellapart.explain.writer import NoGradientError
from tellapart.models.forward import Forward
from tellapart.models.onnx_export import to_onnx
from tellapart.models.task import Fitted
from tellapart.models.training import History
from tellapart.photos.pixels import PixelSpec
from tellapart.progress import Silent


def heated(model: Model) -> Model:
    """The model file with the output, stamped anew."""
    nothing = np.empty((0, len(model.classes)))
    backbone = model.passport["backbone"]
    fitted = Fitted(model.passport["recipe"], None, model.spec, History(), nothing, nothing, {}, 0, backbone)
    facts = {"classes": list(model.classes), "temperature": model.passport["temperature"]}
    root, some = golden()
    return Model(stamp(with_heat(model.content, backbone), fitted, root, some, facts), "heated")


def pooled() -> Model:
    """A backbone with its head, and what tells strangers."""
    model = nested("small_vgg", 48)[1]
    model.passport["backbone"] = "vgg16"
    return model


MODELS: dict[str, Callable[[], Model]] = {
    "a backbone": pooled,
    "a backbone of many blocks": lambda: nested("pocket", 48)[1],
    "a head on maps of two sides": lambda: nested("small_vgg", 48, lower=True)[1],
    "a head on many maps of two sides": lambda: nested("pocket", 75, lower=True)[1],
    "baseline": lambda: recipe("baseline")[1],
    "deeper": lambda: recipe("deeper")[1],
}


@pytest.mark.parametrize("what", MODELS)
def test_it_is_hirescam_of_the_most_probable_class(what: str) -> None:
    plain = MODELS[what]()
    model, network = heated(plain), Network(plain)
    some = photos(5, plain.spec.size)
    for photo, answer in zip(some, model.answer_pixels(some, heat=True), strict=True):
        assert answer.probabilities is not None
        assert answer.heat is not None
        assert answer.heat.dtype == np.float32
        assert answer.heat.min() >= 0
        expected = hirescam(network, photo, int(answer.probabilities.argmax()))
        assert expected.max() > 0
        assert np.abs(enlarged(answer.heat, plain.spec.size) - expected).max() <= 1e-5 * expected.max()


@pytest.mark.parametrize("kind", ["pooled", "flattened"])
def test_it_shows_what_a_trained_network_looks_at(kind: str) -> None:
    plain = model_of(trained(kind), backbone="pocket" if kind == "pooled" else None)
    model, network = heated(plain), Network(plain)
    drawn, labels, boxes = pictures(20, seed=7)
    answers = model.answer_pixels(drawn, heat=True)
    shares = []
    for picture, label, box, answer in zip(drawn, labels, boxes, answers, strict=True):
        assert answer.probabilities is not None
        assert answer.heat is not None
        assert answer.probabilities.argmax() == label
        whole = enlarged(answer.heat, model.spec.size)
        expected = hirescam(network, picture, int(label))
        assert np.abs(whole - expected).max() <= 1e-5 * expected.max()
        shares.append(share_inside(whole, box, margin=8))
    assert np.mean(shares) > 0.6


@pytest.mark.parametrize("what", MODELS)
def test_the_other_outputs_stay_what_they_were(what: str) -> None:
    plain = MODELS[what]()
    content = with_heat(plain.content, plain.passport["backbone"])
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model)
    before = onnx.load_from_string(plain.content)
    ends = [end.name for end in before.graph.output]
    assert [end.name for end in model.graph.output] == [*ends, HEAT]
    assert list(model.graph.node)[: len(before.graph.node)] == list(before.graph.node)
    some = photos(3, plain.spec.size).astype(np.float32)
    old, new = Forward(plain.content).named_outputs(some), Forward(content).named_outputs(some)
    for name in ends:
        assert new[name] == pytest.approx(old[name], abs=1e-6)
    # Where it is not asked for, what leads to it is not in the session at all.
    quick = heated(plain)
    assert [output.name for output in quick._forward.outputs] == ends
    assert all(answer.heat is None for answer in quick.answer_pixels(photos(2, plain.spec.size)))


def test_any_number_of_photos_and_the_same_bytes() -> None:
    plain = recipe("deeper")[1]
    model = heated(plain)
    some = photos(4, plain.spec.size)
    together = model.answer_pixels(some, heat=True)
    for number, answer in enumerate(together):
        (alone,) = model.answer_pixels(some[number : number + 1], heat=True)
        assert alone.heat == pytest.approx(answer.heat, rel=1e-4, abs=1e-6)
    assert with_heat(plain.content, None) == with_heat(plain.content, None)


def test_a_model_with_it_can_be_looked_into_like_one_without() -> None:
    plain = recipe("baseline")[1]
    network, other = Network(plain), Network(heated(plain))
    assert other.blocks == network.blocks
    assert other.multiply_adds == network.multiply_adds
    photo = photos(1, plain.spec.size)[0]
    assert hirescam(other, photo, 1) == pytest.approx(hirescam(network, photo, 1), rel=1e-5, abs=1e-8)


def test_a_recipe_without_maps_stays_as_it_is() -> None:
    content = recipe("majority")[1].content
    assert with_heat(content, None) == content
    (answer,) = recipe("majority")[1].answer_pixels(photos(1, 32), heat=True)
    assert answer.heat is None


class Notes(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


def test_what_cannot_be_differentiated_is_a_note() -> None:
    network = to_onnx(from_scratch("baseline"))
    model = onnx.load_from_string(network)
    last = [node for node in model.graph.node if node.op_type == "Relu"][-1]
    last.op_type = "Mish"  # there is no rule for it
    model.opset_import[0].version = 18
    content = model.SerializeToString()
    with pytest.raises(NoGradientError, match="no rule for the operator Mish"):
        with_heat(content, None)
    notes = Notes()
    assert with_heat_or_note(content, "baseline", None, notes) == content
    assert notes.told == [
        "baseline: the model file goes without heat maps: The model cannot be differentiated: "
        "there is no rule for the operator Mish."
    ]
    assert with_heat_or_note(b"no model", "baseline", None, notes) == b"no model"
    assert len(notes.told) == 2
    assert with_heat_or_note(network, "baseline", None, notes) == with_heat(network, None)
    assert len(notes.told) == 2


@pytest.mark.parametrize("what", ["a backbone", "a head on maps of two sides", "deeper"])
def test_openvino_gives_the_same(what: str) -> None:
    openvino: Any = pytest.importorskip("openvino", reason="OpenVINO is not installed")
    model = heated(MODELS[what]())
    core = openvino.Core()
    # Where the processor can, it would compute with half the digits.
    compiled = core.compile_model(core.read_model(model.content), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    some = photos(2, model.spec.size)
    found = compiled(some.astype(np.float32))
    for number, answer in enumerate(model.answer_pixels(some, heat=True)):
        assert answer.heat is not None
        assert found["probabilities"][number] == pytest.approx(answer.probabilities, abs=1e-3)
        assert found[HEAT][number] == pytest.approx(answer.heat, abs=1e-3 * float(answer.heat.max()))


def test_classes_are_those_of_the_tests() -> None:
    assert heated(recipe("baseline")[1]).classes == CLASSES
    assert PixelSpec(32).size == recipe("baseline")[1].spec.size
