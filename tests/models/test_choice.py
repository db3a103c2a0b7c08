from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_set import COLOURS, QUIET, draw_set, photos_of

from as_user import Notes
from tellapart.errors import OptionError, StorageError, UnknownNameError, WeightsError
from tellapart.models import choice
from tellapart.models.backbones import Backbone, find_backbone
from tellapart.models.choice import built_in_features, by_measurement, read_names, resolve, source_of_run
from tellapart.models.pocket import FILE
from tellapart.photos.scan import Photo
from tellapart.progress import Silent

pytestmark = [QUIET, pytest.mark.usefixtures("closed")]


@pytest.mark.parametrize(
    ("asked", "names"),
    [("vgg16", ["vgg16"]), (" pocket, vgg16 ", ["pocket", "vgg16"]), ("pocket,pocket", ["pocket"]), ("auto", ["auto"])],
)
def test_names_are_read(asked: str, names: list[str]) -> None:
    assert read_names(asked) == names


@pytest.mark.parametrize("asked", ["", ",", "auto,pocket"])
def test_no_name_or_auto_among_others_is_refused(asked: str) -> None:
    with pytest.raises(OptionError, match="auto alone"):
        read_names(asked)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean pocket"):
        read_names("vgg16,pockets")


def test_the_default_without_weights_is_the_built_in_backbone_and_says_so() -> None:
    notes = Notes()
    chosen = resolve(None, None, notes)
    assert (chosen.names, chosen.weights, chosen.by_name) == (["pocket"], {"pocket": FILE}, False)
    assert chosen.why == notes.lines[-1]
    assert "pocket takes the place of vgg16" in chosen.why
    assert "tellapart weights" in chosen.why


def test_a_store_that_cannot_be_written_does_not_stop_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(row: Backbone, *_: Any) -> Path:
        if row.name == "vgg16":
            raise StorageError("Cannot write the store. The disk is full.")
        return FILE

    monkeypatch.setattr(choice, "weights_path", full)
    assert "The disk is full" in resolve(None, None, Silent()).why
    with pytest.raises(StorageError):
        resolve(["vgg16"], None, Silent())


def test_the_default_with_weights_is_vgg16(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(choice, "weights_path", lambda row, *_: tmp_path / f"{row.name}.h5")
    chosen = resolve(None, None, Silent())
    assert (chosen.names, chosen.weights["vgg16"].name, chosen.by_name) == (["vgg16"], "vgg16.h5", False)


def test_what_was_named_is_never_replaced() -> None:
    with pytest.raises(WeightsError):
        resolve(["pocket", "vgg16"], None, Silent())


def test_a_file_beside_the_built_in_backbone_is_that_of_the_other(tmp_path: Path) -> None:
    file = tmp_path / "vgg16.h5"
    file.write_bytes(b"")
    names = read_names("pocket,vgg16", file)
    assert resolve(names, file, Silent()).weights == {"pocket": FILE, "vgg16": file}
    assert resolve(["pocket"], file, Silent()).weights == {"pocket": file}


@pytest.mark.parametrize("asked", ["pocket,vgg16,vgg19", "auto"])
def test_a_file_is_of_one_backbone_that_is_named(asked: str) -> None:
    with pytest.raises(OptionError, match=r"'.*'\. Next: tellapart weights add file\.h5, and no --weights"):
        read_names(asked, Path("file.h5"))


def photos(per_class: int = 30) -> list[Photo]:
    return [Photo(f"{label}/{n}.png", label, f"{label}{n}", "", 40, 40) for label in COLOURS for n in range(per_class)]


@pytest.fixture
def features(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[float, float] | str]:
    """Backbones by name: how well theirs tell the classes apart and the seconds they take, or why they cannot."""
    table: dict[str, tuple[float, float] | str] = {}

    def answer(row: Backbone, _root: Path, sample: list[Photo], *_: Any) -> tuple[np.ndarray, float] | str:
        known = table[row.name]
        if isinstance(known, str):
            return known
        numbers = np.array([sorted(COLOURS).index(photo.label) for photo in sample])
        generator = np.random.default_rng(0)
        return generator.normal(size=(len(sample), 8)) + known[0] * np.eye(3, 8)[numbers], known[1]

    monkeypatch.setattr(choice, "_features", answer)
    monkeypatch.setattr(choice, "source_of", lambda row, *_: row)
    monkeypatch.setattr(choice, "weights_at_hand", lambda row, *_: Path(row.name))
    return table


def measured(*names: str) -> choice.Choice:
    return by_measurement(Path(), photos(), Silent(), candidates=[find_backbone(name) for name in names])


def test_the_best_in_cross_validation_is_taken_cheapest_first(features: dict[str, Any]) -> None:
    features |= {"vgg16": (3.0, 2.0), "pocket": (1.0, 0.1), "mobilenet_v2": (2.0, 0.5)}
    chosen = measured("vgg16", "pocket", "mobilenet_v2")
    assert [trial.backbone for trial in chosen.trials] == ["pocket", "mobilenet_v2", "vgg16"]
    assert chosen.names == ["vgg16"]
    assert chosen.trials[0].photos == 90
    assert "vgg16 was chosen by cross-validation of frozen features on 90 training photos" in chosen.why


def test_it_stops_when_no_other_could_be_told_to_be_better(features: dict[str, Any]) -> None:
    features |= {"pocket": (9.0, 0.1), "vgg16": (9.0, 2.0)}
    chosen = measured("vgg16", "pocket")
    assert chosen.names == ["pocket"]
    assert len(chosen.trials) == 1
    assert "vgg16 not tried, as none could be told to be better" in chosen.why


def test_what_cannot_be_tried_is_named(features: dict[str, Any]) -> None:
    features |= {"pocket": (1.0, 0.1), "vgg16": "vgg16 not tried, as it would take 900 s more"}
    assert "would take 900 s more" in measured("vgg16", "pocket").why
    features["pocket"] = "pocket not tried, as the time was up"
    with pytest.raises(OptionError, match="No backbone could be tried"):
        measured("vgg16", "pocket")


def test_real_features_are_measured_within_the_time(tmp_path: Path) -> None:
    root = draw_set(tmp_path / "photos")
    pocket = [find_backbone("pocket")]
    chosen = by_measurement(root, photos_of(root), Silent(), candidates=pocket)
    assert chosen.trials[0].accuracy > 0.6
    assert chosen.weights == {"pocket": FILE}
    with pytest.raises(OptionError, match="as the time was up"):
        by_measurement(root, photos_of(root), Silent(), seconds=0.0, candidates=pocket)


def test_the_built_in_backbone_gives_features_of_every_photo(tmp_path: Path) -> None:
    root = draw_set(tmp_path / "photos", 3)
    features = built_in_features(root, photos_of(root), cache=tmp_path, progress=Silent())
    assert features.shape == (9, 320)
    again = built_in_features(root, photos_of(root)[:2], cache=tmp_path, progress=Silent())
    assert np.array_equal(again, features[:2])


def test_the_features_of_a_run_are_those_of_its_first_backbone() -> None:
    chosen = resolve(["pocket"], None, Silent())
    own, plain = source_of_run(chosen, 64, Silent()), source_of_run(None, 64, Silent())
    assert (own.backbone.name, own.spec.size) == ("pocket", 64)
    assert (plain.backbone.name, plain.spec.size) == ("pocket", plain.backbone.image_size)
    assert own.key != plain.key
