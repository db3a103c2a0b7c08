"""What a run keeps of the inside of its networks."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ladder_models import CLASSES, recipe
from photo_maker import noise, save
from tellapart.explain import inside as module
from tellapart.explain.inside import draw_inside
from tellapart.explain.network import Network
from tellapart.explain.writer import NoGradientError
from tellapart.files import write_bytes, write_csv, write_json
from tellapart.progress import Silent
from tellapart.report.inside_record import Inside, read_inside


class Notes(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


def build(place: Path, *, folds: bool = False) -> tuple[Path, dict[str, Any]]:
    """A run of random networks, the chosen one `baseline`; of each class three photos were learned from, one tested."""
    photos, run = place / "photos", place / "run"
    answers, split = [], []
    for number, label in enumerate(CLASSES):
        for shot in range(4):
            path = f"{number}/{shot}.png"
            save(noise(10 * number + shot, (60, 40)), photos / path)
            part = f"fold-{shot + 1}" if folds else ("test" if shot == 3 else "train")
            split.append((path, label, part, ""))
            said = CLASSES[0] if shot == 3 else label
            answers.append((path, label, said, *(0.8 if name == said else 0.1 for name in CLASSES)))
    entries = []
    for name, model in (
        ("majority", "majority"),
        ("baseline", "baseline"),
        ("deeper", "deeper"),
        ("tuned", "baseline"),
    ):
        folder = run / "recipes" / name
        write_bytes(folder / "model.onnx", recipe(model)[1].content)
        write_csv(folder / "predictions.csv", ("path", "class", "predicted", *CLASSES), answers)
        entries.append({"name": name, "title": f"<{name}>"})
    write_csv(run / "split.csv", ("path", "class", "part", "group"), split)
    write_bytes(run / "model.onnx", recipe("baseline")[1].content)
    results: dict[str, Any] = {
        "format": 1,
        "photos": {"classes": list(CLASSES)},
        "recipes": entries,
        "best": {"recipe": "baseline", "why": ""},
        "settings": {"photos_absolute": str(photos)},
    }
    write_json(run / "results.json", results)
    return run, results


def drawn(run: Path, results: dict[str, Any], notes: Notes | None = None) -> Inside:
    draw_inside(run, results, notes or Notes())
    found = read_inside(run)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Inside]:
    run, results = build(tmp_path_factory.mktemp("inside"))
    return run, results, drawn(run, results)


def test_first_filters_of_every_step_and_what_was_taken_over(kept: tuple[Path, dict[str, Any], Inside]) -> None:
    _, _, found = kept
    steps = {step["recipe"]: step for step in found.told["filters"]}
    assert list(steps) == ["baseline", "deeper", "tuned"]
    truth = Network(recipe("baseline")[1]).first_filters
    np.testing.assert_array_equal(found.arrays[steps["baseline"]["array"]], truth)
    assert steps["tuned"]["same_as"] == "baseline"
    assert steps["tuned"]["array"] is None
    assert steps["baseline"]["like"] is None
    assert steps["deeper"]["title"] == "<deeper>"


def test_filters_of_steps_are_compared_pattern_by_pattern(kept: tuple[Path, dict[str, Any], Inside]) -> None:
    _, _, found = kept
    one, two = (found.arrays[f"filters_{name}"].reshape(16, -1) for name in ("baseline", "deeper"))
    truth = np.mean([np.corrcoef(first, second)[0, 1] for first, second in zip(one, two, strict=True)])
    like = found.told["filters"][1]["like"]
    assert like == {"recipe": "baseline", "correlation": pytest.approx(truth, abs=1e-3)}


def test_a_filter_that_grew_brighter_is_still_the_same_pattern() -> None:
    def step(name: str, filters: np.ndarray | None, backbone: str | None = None) -> Any:
        return SimpleNamespace(recipe=name, network=SimpleNamespace(first_filters=filters, backbone=backbone))

    filters = np.random.default_rng(0).normal(size=(8, 3, 3, 3))
    first = step("baseline", filters)
    brighter = module._like(step("deeper", 2 * filters + np.arange(8)[:, None, None, None]), first)
    assert brighter == {"recipe": "baseline", "correlation": pytest.approx(1)}
    other = module._like(step("deeper", np.random.default_rng(1).normal(size=filters.shape)), first)
    assert other is not None
    assert abs(other["correlation"]) < 0.3
    assert module._like(step("bottleneck", filters, "vgg16"), first) is None
    assert module._like(step("deeper", filters[:4]), first) is None
    assert module._like(step("deeper", None), first) is None
    assert module._like(first, first) is module._like(first, None) is None


def test_two_test_photos_go_through_every_block(kept: tuple[Path, dict[str, Any], Inside]) -> None:
    _, _, found = kept
    right, wrong = found.told["activations"]
    assert right["class"] == right["predicted"]
    assert wrong["class"] != wrong["predicted"] == CLASSES[0]
    for photo in (right, wrong):
        assert [block["block"] for block in photo["blocks"]] == ["block1", "block2", "block3"]
        assert found.arrays[photo["photo"]].shape == (32, 32, 3)
        for block in photo["blocks"]:
            assert len(found.arrays[block["maps"]]) == len(block["channels"])


def test_photos_learned_from_are_asked_and_the_strongest_come_first(kept: tuple[Path, dict[str, Any], Inside]) -> None:
    run, _, found = kept
    assert found.told["looked_at"] == {"photos": 9, "of": 9, "gone": 0, "learned": True}
    assert found.asked == ["scores", "block2", "block3"]
    assert [subject["name"] for subject in found.subjects("scores")] == list(CLASSES)
    network = Network.open(run)
    for subject in found.told["subjects"]:
        values = [photo["value"] for photo in subject["photos"]]
        assert values == sorted(values, reverse=True)
        assert values[-1] >= subject["median"]
        assert not any(photo["path"].endswith("3.png") for photo in subject["photos"])
        pictures = found.arrays[subject["pictures"]]
        of, number = subject["of"], subject["number"]
        again = network.scores(pictures) if of == "scores" else network.activations(pictures, of).mean(axis=(1, 2))
        assert again[:, number].tolist() == pytest.approx(values, abs=1e-3)
        assert (subject["places"] is None) == (of == "scores")


def test_every_made_picture_beats_the_noise_that_it_was(kept: tuple[Path, dict[str, Any], Inside]) -> None:
    _, _, found = kept
    assert found.told["optimised"] == {
        "steps": 24, "pictures": len(found.told["subjects"]), "seed": 0, "why_not": None,
    }  # fmt: skip
    for subject in found.subjects("scores"):
        assert subject["made"]["value"] > subject["made"]["noise"]
        assert subject["made"]["value"] > subject["median"]
        assert found.arrays[subject["made"]["picture"]].shape == (32, 32, 3)


def test_a_costly_network_gets_fewer_pictures_the_classes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "affordable", lambda network, pictures, most: (2, 2))  # noqa: ARG005
    found = drawn(*build(tmp_path))
    assert found.told["optimised"] | {"seed": 0} == {"steps": 2, "pictures": 2, "seed": 0, "why_not": None}
    made = [subject["name"] for subject in found.told["subjects"] if subject["made"]]
    assert made == list(CLASSES[:2])


def test_the_same_run_gives_the_same_bytes(kept: tuple[Path, dict[str, Any], Inside]) -> None:
    run, results, _ = kept
    before = [(run / "explanations" / name).read_bytes() for name in ("inside.json", "inside.npz")]
    draw_inside(run, results, Silent())
    assert before == [(run / "explanations" / name).read_bytes() for name in ("inside.json", "inside.npz")]


def test_with_folds_every_photo_was_learned_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "maximise", _refused)
    found = drawn(*build(tmp_path, folds=True))
    assert found.told["looked_at"] == {"photos": 12, "of": 12, "gone": 0, "learned": False}


def _refused(*_: Any, **__: Any) -> np.ndarray:
    raise NoGradientError("there is no rule for the operator Bogus")


def test_without_a_gradient_the_rest_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, results = build(tmp_path)
    monkeypatch.setattr(module, "maximise", _refused)
    notes = Notes()
    found = drawn(run, results, notes)
    assert len(notes.told) == 1
    assert "no optimised inputs" in notes.told[0]
    assert "Bogus" in notes.told[0]
    assert found.told["optimised"]["why_not"]
    assert all(subject["made"] is None and subject["photos"] for subject in found.told["subjects"])


def test_photos_that_are_gone_cost_a_note_and_not_the_rest(tmp_path: Path) -> None:
    run, results = build(tmp_path)
    (tmp_path / "photos/0/0.png").unlink()
    notes = Notes()
    assert drawn(run, results, notes).told["looked_at"]["gone"] == 1
    shutil.rmtree(tmp_path / "photos")
    notes = Notes()
    found = drawn(run, results, notes)
    assert "Looking inside: 9 photos can no longer be read" in notes.told
    assert found.told["activations"] == []
    assert found.asked == ["scores"]
    assert len(found.told["filters"]) == 3
    assert all(subject["made"] and not subject["photos"] for subject in found.told["subjects"])


def test_a_step_that_looks_at_nothing_leaves_nothing(tmp_path: Path) -> None:
    run, results = build(tmp_path)
    notes = Notes()
    draw_inside(run, {**results, "best": {"recipe": "majority", "why": ""}}, notes)
    assert notes.told == ["No look inside: the chosen recipe looks at no photo"]
    assert not (run / "explanations").exists()


def test_a_table_names_its_photos_from_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "maximise", _refused)
    run, results = build(tmp_path)
    (tmp_path / "photos/table.csv").write_text("path,label\n", encoding="utf-8")
    results["settings"]["photos_absolute"] = str(tmp_path / "photos/table.csv")
    assert drawn(run, results).told["looked_at"]["photos"] == 9
