import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ladder_models import recipe
from tellapart.answer_tables import AnswerTable, write_answers
from tellapart.explain import embedding
from tellapart.explain import map as map_module
from tellapart.explain.map import draw_map
from tellapart.explain.network import Network
from tellapart.files import read_csv, write_csv
from tellapart.models.forward import BATCH
from tellapart.photos.decode import decode
from tellapart.photos.pixels import PixelSpec, to_pixels
from tellapart.progress import Silent
from tellapart.report.photo_map import FOLDER, PhotoMap, read_map

CLASSES = ["a <b>", "blue", "椅子"]
HUES = np.array([[220, 40, 30], [40, 60, 220], [40, 200, 60]])
EACH = 14


class Notes(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


class MeanColour:
    """A network whose features are the mean colour; it counts the photos that it sees."""

    spec = PixelSpec(16)

    def __init__(self) -> None:
        self.seen = 0

    def features(self, pictures: np.ndarray) -> np.ndarray:
        self.seen += len(pictures)
        return np.asarray(pictures.mean(axis=(1, 2)), dtype=np.float32)

    def features_of_pooled(self, pooled: np.ndarray) -> np.ndarray:
        return pooled


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> MeanColour:
    fake = MeanColour()
    monkeypatch.setattr(Network, "open", lambda path: fake)  # noqa: ARG005
    return fake


def build(place: Path, folds: int = 0) -> tuple[Path, dict[str, Any]]:
    """A run of 42 photos, each of its class's colour; the first tested photo looks like another class."""
    generator = np.random.default_rng(0)
    rows, tested, shares = [], [], []
    for label, name in enumerate(CLASSES):
        for number in range(EACH):
            path = f"{label}/{number:02}.png"
            part = f"fold-{number % folds + 1}" if folds else ("test" if number < 4 else "train")
            odd = label == 0 and number == 0
            hue = HUES[1 if odd else label] + generator.integers(-25, 25, 3)
            (place / "photos" / str(label)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((30, 40, 3), hue.clip(0, 255), dtype=np.uint8)).save(place / "photos" / path)
            rows.append((path, name, part, "copies" if number in (5, 6) else ""))
            if part != "train":
                tested.append((path, label))
                shares.append(np.roll([0.6 + 0.01 * number, 0.3 - 0.01 * number, 0.1], 1 if odd else label))
    run = place / "run"
    write_csv(run / "split.csv", ("path", "class", "part", "group"), rows)
    table = AnswerTable([path for path, _ in tested], np.array([label for _, label in tested]), np.array(shares))
    write_answers(run / "recipes" / "baseline" / "predictions.csv", CLASSES, table)
    return run, {
        "seed": 0,
        "best": {"recipe": "baseline"},
        "photos": {"classes": CLASSES},
        "split": {"folds": folds} if folds else {},
        "recipes": [{"name": "baseline"}],
        "settings": {"photos_absolute": str(place / "photos")},
    }


def drawn(run: Path, results: dict[str, Any]) -> PhotoMap:
    draw_map(run, results, Silent())
    found = read_map(run)
    assert found is not None
    return found


def test_every_photo_is_on_the_map_and_seen_once(tmp_path: Path, network: MeanColour) -> None:
    run, results = build(tmp_path)
    found = drawn(run, results)
    assert network.seen == 42
    assert found.points.shape == (42, 2)
    assert found.column("path") == sorted(row["path"] for row in read_csv(run / "split.csv"))
    assert found.told["parts"] == ["train", "test"]
    assert sum(said is not None for said in found.column("predicted")) == 12
    assert found.told["about"]["tested"] == 12
    assert found.told["about"]["accuracy"] == pytest.approx(11 / 12, abs=1e-4)
    assert found.told["about"]["agreement"] == pytest.approx(11 / 12, abs=1e-4)
    table = read_csv(run / FOLDER / "map.csv")
    assert [row["path"] for row in table] == found.column("path")
    assert table[0] | {"x": "", "y": ""} == {
        "path": "0/00.png", "class": "a <b>", "part": "test", "predicted": "blue", "x": "", "y": "",
    }  # fmt: skip
    assert [float(row["x"]) for row in table] == pytest.approx(found.points[:, 0].tolist(), abs=1e-5)


def test_photos_whose_features_are_kept_are_not_computed_again(tmp_path: Path, network: MeanColour) -> None:
    run, results = build(tmp_path)
    computed = drawn(run, results)
    every = network.seen
    folder = Path(results["settings"]["photos_absolute"])

    def pooled(paths: Sequence[str]) -> np.ndarray:
        pictures = [to_pixels(decode(folder / path), network.spec) for path in paths]
        rows = np.stack(pictures).mean(axis=(1, 2), dtype=np.float32)
        rows[5], rows[-3] = np.nan, np.nan
        return np.asarray(rows)

    network.seen = 0
    draw_map(run, results, Silent(), pooled)
    assert network.seen == BATCH + 1  # the first ones, to compare, and the one that is not kept
    again = read_map(run)
    assert again is not None
    np.testing.assert_array_equal(again.points, computed.points)
    network.seen = 0
    draw_map(run, results, Silent(), lambda paths: 2 * pooled(paths))
    assert network.seen == every  # those that are kept are of another network
    again = read_map(run)
    assert again is not None
    np.testing.assert_array_equal(again.points, computed.points)


@pytest.mark.usefixtures("network")
def test_a_mistake_is_listed_with_the_training_photos_that_it_looks_like(tmp_path: Path) -> None:
    found = drawn(*build(tmp_path))
    assert found.mistakes == found.told["lists"]["mistakes"] == [0]
    near = found.neighbours()[0]
    assert len(near) == 4
    assert {found.classes[found.column("class")[photo]] for photo in near} == {"blue"}
    assert {found.told["parts"][found.column("part")[photo]] for photo in near} == {"train"}
    assert {0, *near} <= set(found.pictures)
    assert found.told["lists"]["unsure"][0] == 0


@pytest.mark.usefixtures("network")
def test_typical_photos_were_learned_from_one_of_a_group_of_copies(tmp_path: Path) -> None:
    found = drawn(*build(tmp_path))
    for label, photos in found.typical().items():
        assert len(photos) == 4
        assert {found.column("class")[photo] for photo in photos} == {label}
        assert all(found.column("predicted")[photo] is None for photo in photos)
        names = [found.column("path")[photo][-6:-4] for photo in photos]
        assert not {"05", "06"} <= set(names)


@pytest.mark.usefixtures("network")
def test_with_folds_neighbours_come_from_other_folds(tmp_path: Path) -> None:
    found = drawn(*build(tmp_path, folds=3))
    assert found.told["parts"] == ["fold-1", "fold-2", "fold-3"]
    assert found.told["about"]["folds"]
    assert found.told["about"]["tested"] == 42
    part = found.column("part")
    assert all(part[near] != part[0] for near in found.neighbours()[0])


@pytest.mark.usefixtures("network")
def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    run, results = build(tmp_path)
    kept = []
    for _ in range(2):
        draw_map(run, results, Silent())
        kept.append([path.read_bytes() for path in sorted((run / FOLDER).iterdir())])
    assert kept[0] == kept[1]
    assert len(kept[0]) == 3


@pytest.mark.usefixtures("network")
def test_many_photos_are_sampled_and_the_listed_ones_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_module, "sample", lambda labels, keep, seed: embedding.sample(labels, keep, seed, most=33))
    found = drawn(*build(tmp_path))
    assert len(found.points) == 33
    assert found.told["about"]["photos"] == 42
    assert found.mistakes == [0]


@pytest.mark.usefixtures("network")
def test_photos_that_are_gone_are_left_out_with_one_note(tmp_path: Path) -> None:
    run, results = build(tmp_path)
    (tmp_path / "photos/1/09.png").unlink()
    (tmp_path / "photos/2/00.png").write_bytes(b"no photo")
    notes = Notes()
    draw_map(run, results, notes)
    found = read_map(run)
    assert found is not None
    assert len(found.points) == 40
    assert found.told["about"]["gone"] == 2
    assert notes.told == ["2 photos can no longer be read: not on the map"]


@pytest.mark.usefixtures("network")
def test_where_all_photos_are_gone_a_note_says_so(tmp_path: Path) -> None:
    run, results = build(tmp_path)
    shutil.rmtree(tmp_path / "photos")
    notes = Notes()
    draw_map(run, results, notes)
    assert notes.told == ["No map of the photos: 42 of 42 photos can no longer be read"]
    assert read_map(run) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"best": {"recipe": "majority"}}, "the chosen recipe looks at no photo"),
        ({"settings": {}}, "the run does not say where its photos are"),
    ],
)
def test_without_a_network_or_photos_there_is_no_map(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    run, results = build(tmp_path)
    notes = Notes()
    draw_map(run, {**results, **change}, notes)
    assert notes.told == [f"No map of the photos: {why}"]
    assert read_map(run) is None


@pytest.mark.usefixtures("network")
def test_a_table_names_its_photos_from_its_own_folder(tmp_path: Path) -> None:
    run, results = build(tmp_path)
    (tmp_path / "photos/table.csv").write_text("path,label\n", encoding="utf-8")
    results["settings"]["photos_absolute"] = str(tmp_path / "photos/table.csv")
    assert len(drawn(run, results).points) == 42


def test_a_real_model_file_makes_a_map(tmp_path: Path) -> None:
    _, model = recipe("baseline")
    run, results = build(tmp_path)
    (run / "model.onnx").write_bytes(model.content)
    found = drawn(run, results)
    assert found.points.shape == (42, 2)
    assert np.isfinite(found.points).all()
    assert json.loads((run / FOLDER / "map.json").read_text(encoding="utf-8"))["method"] == "t-SNE"
