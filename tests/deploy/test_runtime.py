import copy
import json
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from drawn_model import drawn_model, drawn_network, drawn_passport
from drawn_model import pictures as drawn_pictures
from onnx import TensorProto, helper, numpy_helper
from tiny_model import CLASSES, Handed, doubting_model, tiny_model, with_network, with_passport

from photo_maker import noise, save
from tellapart.deploy import names, runtime
from tellapart.deploy.doubts import NONE, UNSURE
from tellapart.deploy.runtime import Answer, Model, load
from tellapart.deploy.seal import KEY, sealed
from tellapart.errors import ModelFileError, OptionError, PhotosError
from tellapart.models.forward import BATCH, Forward
from tellapart.models.scratch import predict
from tellapart.photos.batches import pixels_of

NEXT = r"Next: give the model\.onnx of a run folder\."


@pytest.fixture(scope="module")
def handed() -> Handed:
    return tiny_model()


@pytest.fixture
def model(handed: Handed) -> Model:
    return Model(handed.content, "model.onnx")


@pytest.fixture
def file(handed: Handed, tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(handed.content)
    return path


def as_bits(answer: Answer) -> np.ndarray:
    """The probabilities as whole numbers; none of a photo that could not be read."""
    return (
        np.empty(0, np.float32).view(np.uint32)
        if answer.probabilities is None
        else answer.probabilities.view(np.uint32)
    )


def external(location: str, rows: int, *, constant: bool) -> bytes:
    """An ONNX file whose weights lie in another file."""
    tensor = numpy_helper.from_array(np.ones((rows, 3), np.float32), "w")
    length = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(length))):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 3]) for name in ("photo", "probabilities")]
    nodes = [helper.make_node("Add", ["photo", "w"], ["probabilities"])]
    if constant:
        nodes.insert(0, helper.make_node("Constant", [], ["w"], value=tensor))
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [] if constant else [tensor])
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    )


def test_a_model_file_is_loaded_from_its_path_or_its_folder(file: Path) -> None:
    for place in (file, str(file), file.parent):
        model = load(place)
        assert model.classes == CLASSES
        assert model.spec.size == 16


def test_probabilities_are_those_of_keras_in_the_order_asked_for(handed: Handed, model: Model) -> None:
    paths = handed.paths[::-1]
    assert len(paths) > BATCH
    found = model.predict_proba(paths)
    assert found.shape == (20, 3)
    assert found.dtype == np.float32
    pixels = np.stack(list(pixels_of(handed.root, handed.photos[::-1], handed.fitted.spec)))
    assert np.abs(found - predict(handed.fitted.network, pixels)).max() < 1e-4
    assert model.predict(paths) == [CLASSES[number] for number in found.argmax(axis=1)]


def test_no_photos_have_no_probabilities(model: Model) -> None:
    assert model.predict_proba([]).shape == (0, 3)
    assert model.predict([]) == []
    assert list(model.answers([])) == []


def test_a_photo_that_cannot_be_read_is_named(handed: Handed, model: Model, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no photo")
    with pytest.raises(PhotosError, match=r"bad\.jpg: not a photo.*Next: leave it out"):
        model.predict_proba([handed.paths[0], bad])


def test_answers_go_on_after_a_photo_that_cannot_be_read(handed: Handed, model: Model, tmp_path: Path) -> None:
    paths = [handed.paths[0], tmp_path / "gone.jpg", *handed.paths[1:]]
    answers = list(model.answers(iter(paths)))
    assert [answer.path for answer in answers] == [str(path) for path in paths]
    assert answers[1].probabilities is None
    assert answers[1].error == "no such file or directory"
    whole = model.predict_proba(handed.paths)
    for answer, expected in zip([answers[0], *answers[2:]], whole, strict=True):
        assert answer.probabilities == pytest.approx(expected, abs=1e-5)
        assert not answer.error


def test_many_photos_are_answered_as_they_come(handed: Handed, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "usable_cores", lambda: 2)
    asked = 0

    def endless() -> Any:
        nonlocal asked
        while True:
            asked += 1
            yield handed.paths[asked % 20]

    answers = model.answers(endless())
    for number in range(1, 3 * BATCH):
        next(answers)
        assert asked <= max(BATCH + 1, number + 24)  # six batches of four
    answers.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("cores", [1, 3])
def test_many_photos_have_the_answers_of_one_at_a_time_to_the_bit(
    cores: int, handed: Handed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "usable_cores", lambda: cores)
    model = Model(doubting_model().content, "model.onnx")
    paths = [*handed.paths[:7], tmp_path / "gone.jpg", *handed.paths[7:]] * 2
    assert len(paths) > 2 * BATCH
    told = [answer for path in paths for answer in model.answers([path])]
    for found in (list(model.answers(paths)), [*model.answers(paths[:BATCH]), *model.answers(paths[BATCH:])]):
        assert [answer.path for answer in found] == [str(path) for path in paths]
        for one, other in zip(found, told, strict=True):
            assert (one.answer, one.set, one.stranger, one.error) == (
                other.answer,
                other.set,
                other.stranger,
                other.error,
            )
            assert np.array_equal(as_bits(one), as_bits(other))


def test_a_second_network_is_opened_for_many_photos_alone(handed: Handed, model: Model) -> None:
    model.predict_proba(handed.paths[:1])
    model.predict_proba(handed.paths[:BATCH])
    assert model._of_many is None
    model.predict_proba(handed.paths)
    opened = model._of_many
    assert opened is not None
    model.predict_proba(handed.paths)
    assert model._of_many is opened


def test_every_core_has_photos_of_its_own(handed: Handed, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "usable_cores", lambda: 2)
    both, outputs = threading.Barrier(2, timeout=20), Forward.named_outputs

    def network(self: Forward, batch: np.ndarray) -> dict[str, np.ndarray]:
        both.wait()
        return outputs(self, batch)

    monkeypatch.setattr(Forward, "named_outputs", network)
    assert model.predict_proba(handed.paths * 2).shape == (40, 3)


def test_a_name_that_is_not_utf8_can_be_told(model: Model) -> None:
    (answer,) = model.answers(["photo\udcff.jpg"])
    assert answer.path == "photo\\udcff.jpg"
    assert answer.error


@pytest.mark.parametrize("again", [lambda model: pickle.loads(pickle.dumps(model)), copy.copy, copy.deepcopy])
def test_copies_answer_alike(handed: Handed, model: Model, again: Callable[[Model], Model]) -> None:
    other = again(model)
    assert other.classes == model.classes
    assert (other.predict_proba(handed.paths[:3]) == model.predict_proba(handed.paths[:3])).all()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=rf"none\.onnx cannot be read: no such file or directory\. {NEXT}"):
        load(tmp_path / "none.onnx")
    with pytest.raises(ModelFileError, match=rf"model\.onnx cannot be read: no such file or directory\. {NEXT}"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"PK\x03\x04", np.random.default_rng(0).bytes(5000)])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ModelFileError, match=NEXT):
        Model(content, "model.onnx")


def test_half_a_file_is_refused(handed: Handed) -> None:
    for share in (0.1, 0.5, 0.99):
        with pytest.raises(ModelFileError, match=NEXT):
            Model(handed.content[: int(len(handed.content) * share)], "model.onnx")


def test_an_onnx_file_of_others_is_refused(handed: Handed) -> None:
    with pytest.raises(ModelFileError, match=rf"an ONNX file, but not one of Tellapart's\. {NEXT}"):
        Model(handed.network, "other.onnx")


def test_altered_weights_are_refused(handed: Handed) -> None:
    def alter(model: Any) -> None:
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            if values.dtype == np.float32 and values.size > 100:
                tensor.CopyFrom(numpy_helper.from_array(values[..., ::-1].copy() * 2, tensor.name))

    with pytest.raises(ModelFileError, match=rf"does not answer its own golden photos.*{NEXT}"):
        Model(with_network(handed.content, alter), "model.onnx")


def first_golden(passport: dict[str, Any], **fields: object) -> None:
    passport["golden"][0].update(fields)


ALTERED: dict[str, Callable[[dict[str, Any]], object]] = {
    "another version": lambda p: p.update(format=0),
    "no version": lambda p: p.pop("format"),
    "no classes": lambda p: p.pop("classes"),
    "no pixels": lambda p: p.pop("pixels"),
    "no golden photos": lambda p: p.pop("golden"),
    "golden photos left out": lambda p: p.update(golden=[]),
    "a class more": lambda p: p["classes"].append("a fourth"),
    "a class less": lambda p: p["classes"].pop(),
    "classes of another kind": lambda p: p.update(classes=7),
    "another size": lambda p: p["pixels"].update(size=7),
    "an unknown geometry": lambda p: p["pixels"].update(geometry="stretch"),
    "no size": lambda p: p["pixels"].pop("size"),
    "golden photos of another kind": lambda p: p.update(golden="yes"),
    "a golden photo without a picture": lambda p: p["golden"][0].pop("png"),
    "a golden photo that is no picture": lambda p: first_golden(p, png="AAAA"),
    "a golden photo that is no text": lambda p: first_golden(p, png="!"),
    "other answers": lambda p: first_golden(p, probabilities=[1.0, 0.0, 0.0]),
    "one answer": lambda p: first_golden(p, probabilities=[0.33]),
    "no answers": lambda p: first_golden(p, probabilities=[]),
    "answers that are no numbers": lambda p: first_golden(p, probabilities=[float("nan")] * 3),
}


@pytest.mark.parametrize("what", ALTERED)
def test_an_altered_passport_is_refused(handed: Handed, what: str) -> None:
    with pytest.raises(ModelFileError, match=NEXT) as caught:
        Model(with_passport(handed.content, ALTERED[what]), "model.onnx")
    assert "\n" not in str(caught.value)


OF_DOUBTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "thresholds of another kind": lambda p: p.update(rejection="yes"),
    "no thresholds": lambda p: p["rejection"].update(thresholds=[]),
    "half a threshold": lambda p: p["rejection"].update(thresholds=[[0.5]]),
    "sets of another kind": lambda p: p.update(conformal=[1]),
    "no quantile": lambda p: p["conformal"].pop("quantile"),
    "strangers of another kind": lambda p: p.update(stranger=True),
    "no stranger among the golden answers": lambda p: p["golden"][0].pop("stranger"),
    "another stranger": lambda p: first_golden(p, stranger=9.0),
    "a stranger that is no number": lambda p: first_golden(p, stranger=float("nan")),
}


@pytest.mark.parametrize("what", OF_DOUBTS)
def test_altered_doubts_are_refused(what: str) -> None:
    content = doubting_model().content
    assert Model(with_passport(content, lambda _: None), "m").doubts.stranger == 1
    with pytest.raises(ModelFileError, match=NEXT) as caught:
        Model(with_passport(content, OF_DOUBTS[what]), "model.onnx")
    assert "\n" not in str(caught.value)


def test_a_stranger_that_the_file_does_not_tell_is_refused(handed: Handed) -> None:
    with pytest.raises(ModelFileError, match=NEXT):
        Model(with_passport(handed.content, lambda p: first_golden(p, stranger=0.5)), "model.onnx")


def test_strangers_are_answered_with_none_of_these(handed: Handed) -> None:
    model = Model(doubting_model().content, "model.onnx")
    answers = list(model.answers(handed.paths))
    strange = [answer.stranger or 0 for answer in answers]
    assert min(strange) < 1 < max(strange)
    tops = model.predict(handed.paths)
    for answer, top, score in zip(answers, tops, strange, strict=True):
        assert answer.answer == (NONE if score > 1 else top)
    plain = Model(handed.content, "model.onnx")
    assert model.predict_proba(handed.paths) == pytest.approx(plain.predict_proba(handed.paths), abs=1e-6)


def test_a_heat_map_is_part_of_the_answer_where_it_is_asked_for() -> None:
    model = Model(drawn_model(), "m")
    some = drawn_pictures(3)
    plain, hot = model.answer_pixels(some), model.answer_pixels(some, heat=True)
    for without, answer in zip(plain, hot, strict=True):
        assert without.heat is None
        assert answer.heat is not None
        assert answer.heat.shape == (8, 8)
        assert answer.heat.min() >= 0
        assert answer.probabilities == pytest.approx(without.probabilities, abs=1e-6)
    (cold, *_) = Model(drawn_model(heat=False), "m").answer_pixels(some, heat=True)
    assert cold.heat is None


def test_a_heat_map_that_is_right_for_one_photo_alone_is_refused() -> None:
    network = onnx.load_from_string(drawn_network())
    last = next(node for node in network.graph.node if names.HEAT in node.output)
    last.output[:] = ["any number"]
    network.graph.initializer.append(numpy_helper.from_array(np.array([1, 8, 8]), "one"))
    network.graph.node.append(helper.make_node("Reshape", ["any number", "one"], [names.HEAT]))
    model = Model(sealed(network.SerializeToString(), drawn_passport(drawn_network(heat=False))), "m")
    assert model.answer_pixels(drawn_pictures(1), heat=True)[0].heat is not None
    with pytest.raises(ModelFileError, match="m is not a model that can be run"):
        model.answer_pixels(drawn_pictures(2), heat=True)


def test_pictures_beside_others_have_the_same_answers_to_the_bit() -> None:
    model, some = Model(drawn_model(), "m"), drawn_pictures(5)
    alone, beside = model.answer_pixels(some), model.answer_pixels(some, beside=True)
    assert model._of_many is not None
    for one, other in zip(alone, beside, strict=True):
        assert (one.answer, one.set, one.stranger) == (other.answer, other.set, other.stranger)
        assert np.array_equal(as_bits(one), as_bits(other))


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "LARGEST", 1000)
    file = tmp_path / "model.onnx"
    file.write_bytes(drawn_model())
    with pytest.raises(ModelFileError, match="it is larger than"):
        load(file)


def test_a_wished_error_rate_makes_it_not_sure(handed: Handed) -> None:
    model = Model(doubting_model().content, "model.onnx")
    assert model.doubts.thresholds is not None
    threshold = model.doubts.threshold(model.doubts.thresholds.least)
    answers = list(model.answers(handed.paths, reject=model.doubts.thresholds.least))
    known = [answer for answer in answers if answer.answer != NONE and answer.probabilities is not None]
    for answer in known:
        assert answer.probabilities is not None
        assert (answer.answer == UNSURE) == (answer.probabilities.max() < threshold.threshold)
    assert {answer.answer == UNSURE for answer in known} == {True, False}
    with pytest.raises(OptionError, match="cannot be promised"):
        model.answers(handed.paths, reject=0.001)  # at once, not with the first answer


def test_sets_hold_the_most_probable_class(handed: Handed) -> None:
    model = Model(doubting_model().content, "model.onnx")
    for answer in model.answers(handed.paths):
        assert answer.probabilities is not None
        assert answer.set is not None
        assert CLASSES[int(answer.probabilities.argmax())] in answer.set
        order = sorted(answer.set, key=CLASSES.index)
        assert list(answer.set) == order


def test_a_file_of_an_early_version_has_no_doubts(handed: Handed, model: Model) -> None:
    for answer, top in zip(model.answers(handed.paths), model.predict(handed.paths), strict=True):
        assert (answer.answer, answer.set, answer.stranger) == (top, None, None)
    with pytest.raises(OptionError, match="early version"):
        model.answers(handed.paths, reject=0.1)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null"])
def test_a_passport_that_is_none_is_refused(handed: Handed, text: str) -> None:
    model = onnx.load_from_string(handed.content)
    model.metadata_props[0].value = text
    with pytest.raises(ModelFileError, match=NEXT):
        Model(model.SerializeToString(), "model.onnx")


def test_the_passport_changed_in_no_way_is_accepted(handed: Handed) -> None:
    """What makes the tests above tests: their way of altering breaks nothing by itself."""
    assert Model(with_passport(handed.content, lambda _: None), "m").classes == CLASSES
    assert Model(with_passport(handed.content, lambda p: p.update(of_later="versions")), "m").classes == CLASSES


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("rows", [1, 3000])
@pytest.mark.parametrize("where", ["here", "absolute", "outside"])
def test_weights_in_another_file_are_refused(
    handed: Handed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, rows: int, constant: bool
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    weights = {"here": Path("weights.bin"), "absolute": tmp_path / "weights.bin", "outside": Path("../weights.bin")}[
        where
    ]
    weights.write_bytes(np.ones((rows, 3), np.float32).tobytes())
    content = external(str(weights), rows, constant=constant)
    passport = json.loads(Model(handed.content, "m")._forward.metadata[KEY])
    model = onnx.load_from_string(content)
    helper.set_model_props(model, {KEY: json.dumps(passport)})
    # Not for its golden photos, which it would fail too: nothing outside the file may be opened at all.
    with pytest.raises(ModelFileError, match="is not a model that can be run"):
        Model(model.SerializeToString(), "model.onnx")


def test_prediction_needs_no_training_framework(file: Path, tmp_path: Path) -> None:
    photo = save(noise(0), tmp_path / "a.png")
    program = (
        "import sys; from tellapart.deploy.runtime import load; "
        f"print(load({str(file)!r}).predict([{str(photo)!r}])); "
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax', 'onnx', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-X", "utf8", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == "[]"
