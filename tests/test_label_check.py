"""Wrong labels found by what a network sees: on drawn shapes, and on real photos where they are here."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from ladder_set import draw_shapes
from photo_maker import class_folders
from tellapart import label_check
from tellapart.evaluation import labels
from tellapart.label_check import LISTED, check_labels, with_labels
from tellapart.photos.audit import audit
from tellapart.photos.scan import Photos, scan
from tellapart.progress import Silent

WRONG = {"disc/frame 0.png": "frame", "disc/frame 1.png": "frame", "stripes/disc 0.png": "disc"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photos:
    """Shapes, of which three stand in the wrong folder."""
    root = draw_shapes(tmp_path_factory.mktemp("labels") / "photos", per_class=30)
    for number, (path, true) in enumerate(WRONG.items()):
        (root / true / f"{10 + number:03}.png").rename(root / path)
    return scan(root)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_photos_in_the_wrong_folder_are_found_and_told(photos: Photos, cache: Path) -> None:
    audited = with_labels(audit(photos), photos, cache, Silent())
    suspects = audited.labels.suspects
    assert audited.labels.photos == 90
    assert len(suspects) == 90 * LISTED
    assert {suspect.path for suspect in suspects[:3]} == set(WRONG)
    assert {suspect.path: suspect.proposed for suspect in suspects[:3]} == WRONG
    (finding,) = [finding for finding in audited.findings if finding.kind == "wrong-label"]
    assert finding.severity == "warning"
    assert set(finding.paths) == {suspect.path for suspect in audited.labels.probable} <= set(WRONG)
    assert "A suspicion, no verdict" in finding.advice
    told = json.loads(json.dumps(audited.as_json()))
    assert told["labels"][0] == suspects[0].as_json()
    assert told["labels_checked"] == 90
    ranks = [["problem", "warning", "note"].index(finding.severity) for finding in audited.findings]
    assert ranks == sorted(ranks), "the worst findings stand first all the same"


def test_what_was_found_is_kept_and_damage_is_mended(
    photos: Photos, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = with_labels(audit(photos), photos, cache, Silent()).labels
    with monkeypatch.context() as patch:
        patch.setattr(label_check, "suspect_labels", None)
        assert with_labels(audit(photos), photos, cache, Silent()).labels == first
    other = replace(photos, items=tuple(reversed(photos.items)))
    turned = with_labels(audit(other), other, cache, Silent()).labels.suspects  # dealt into other folds
    assert {suspect.path for suspect in turned[:3]} == {suspect.path for suspect in first.suspects[:3]}
    for kept in (cache / "labels").iterdir():
        kept.write_text("[[999999, 0, 0.5, true]]")
    assert with_labels(audit(photos), photos, cache, Silent()).labels == first


def test_where_all_labels_are_right_nothing_is_told(photos: Photos, cache: Path) -> None:
    right = tuple(replace(photo, label=WRONG.get(photo.path, photo.label)) for photo in photos.items)
    audited = with_labels(audit(replace(photos, items=right)), replace(photos, items=right), cache, Silent())
    assert "wrong-label" not in {finding.kind for finding in audited.findings}
    assert audited.labels.photos == 90


def test_a_class_that_is_too_small_is_named_in_a_note(tmp_path: Path) -> None:
    found = scan(class_folders(tmp_path / "photos", {"bed": 8, "sofa": 4}))
    audited = with_labels(audit(found), found, tmp_path, Silent())
    (note,) = [finding for finding in audited.findings if finding.kind == "labels-not-checked"]
    assert note.severity == "note"
    assert note.what == "Labels were not checked: 'sofa' has 4 different photos."
    assert note.advice == "Next: 5 or more in every class."
    assert audited.labels.photos == 0


def test_copies_count_once(tmp_path: Path) -> None:
    root = class_folders(tmp_path / "photos", {"bed": 8, "sofa": 4})
    shutil.copy(root / "sofa" / "000.png", root / "sofa" / "copy.png")
    found = scan(root)
    told = with_labels(audit(found), found, tmp_path, Silent()).findings
    assert any(finding.what.endswith("'sofa' has 4 different photos.") for finding in told)


def test_without_cleanlab_nothing_is_computed_and_a_note_names_the_extra(
    photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "find_spec", lambda name: None if name == "cleanlab" else find_spec(name))
    audited = with_labels(audit(photos), photos, tmp_path, Silent())
    (note,) = [finding for finding in audited.findings if finding.kind == "labels-not-checked"]
    assert note.what == "Labels were not checked: cleanlab is not installed."
    assert note.advice == 'Next: pip install "tellapart[labels]".'
    assert not list(tmp_path.iterdir()), "features were computed for nothing"


def audited_without(missing: tuple[str, ...], photos: Photos, out: Path) -> str:
    """What an audit says in a process that cannot import some packages."""
    script = (
        "import sys; "
        f"sys.modules.update(dict.fromkeys({missing!r})); "
        "from tellapart.inspection import inspect_photos; "
        "[print(one.what, one.advice) for one in inspect_photos(sys.argv[1], sys.argv[2]).findings]"
    )
    words = [sys.executable, "-c", script, str(photos.root), str(out)]
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert "Too few test photos" in found
    assert (out / "audit.html").is_file()
    return found


def test_labels_are_checked_without_the_training_extra(photos: Photos, tmp_path: Path) -> None:
    found = audited_without(("keras", "tensorflow", "tf2onnx"), photos, tmp_path / "audit")
    assert "Labels were not checked" not in found


def test_without_cleanlab_all_else_is_audited(photos: Photos, tmp_path: Path) -> None:
    found = audited_without(("cleanlab",), photos, tmp_path / "audit")
    assert "Labels were not checked: " in found
    assert 'Next: pip install "tellapart[labels]".' in found


@pytest.mark.slow
def test_planted_wrong_labels_of_real_photos(shared: Path, tmp_path: Path) -> None:
    """5 % of 1,000 labels swapped: at least 70 % within the first tenth, more than half of the accused guilty."""
    found = scan(shared / "data" / "food5")
    tenths, guilty = [], []
    for draw in (1, 2):
        chance = np.random.default_rng(draw)
        items, planted = list(found.items), set()
        for place in chance.permutation(len(items))[: len(items) // 20].tolist():
            others = [label for label in found.classes if label != items[place].label]
            items[place] = replace(items[place], label=others[int(chance.integers(len(others)))])
            planted.add(items[place].path)
        # food5 has no copies: each photo is a group of its own.
        check = check_labels(replace(found, items=tuple(items)), np.arange(len(items)), tmp_path, Silent())
        tenths.append(len({suspect.path for suspect in check.suspects[: len(items) // 10]} & planted) / len(planted))
        guilty.append(np.mean([suspect.path in planted for suspect in check.probable]))
    assert np.mean(tenths) >= 0.70
    assert np.mean(guilty) > 0.5
