"""A run made again, and what is found to differ; copies that were changed stand for the second run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tellapart as ta
from ladder_set import draw_shapes
from reproduced_run import copied, edited, small_run
from tellapart.differences import Pair
from tellapart.errors import PhotosError, RunFolderError
from tellapart.files import read_csv
from tellapart.models.study import CUT_OFF
from tellapart.reproduction import DIFFERS, NEAR, SAME, arguments_of, compare, reproduce

Change = Callable[[dict[str, Any]], object]
pytestmark = pytest.mark.usefixtures("briefly")  # pages and pictures are no part of what is compared


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reproduction")


@pytest.fixture(scope="module")
def first(place: Path) -> ta.Run:
    return small_run(place)


@pytest.mark.slow
def test_a_run_made_again_is_the_same_to_the_byte(first: ta.Run, place: Path) -> None:
    found = reproduce(first.folder)
    assert found.verdict == SAME
    assert found.again == str(place / "run-again")
    assert [recipe.name for recipe in found.recipes] == ["majority", "baseline"]
    assert all(recipe.same_model and recipe.largest_difference == 0 for recipe in found.recipes)
    assert not any([found.moved, found.weights, found.environment, found.reasons])
    told = json.loads((place / "run-again" / "reproduction.json").read_text(encoding="utf-8"))
    assert told["verdict"] == SAME
    with pytest.raises(RunFolderError, match="--resume"):
        reproduce(first.folder)
    (place / "run-again" / "results.json").unlink()
    assert reproduce(first.folder, resume=True).verdict == SAME


@pytest.mark.slow
def test_a_search_is_made_again_by_the_number_of_its_trials(tmp_path: Path) -> None:
    photos = draw_shapes(tmp_path / "photos", per_class=6)
    run = ta.fit(photos, tmp_path / "run", recipes="augmented,tuned", image_size=32, epochs=2, trials=3)
    # As if the time had been over after these three.
    again = reproduce(copied(run, tmp_path / "first", lambda results: results["settings"].update(trials=30)).folder)
    assert again.verdict == SAME
    assert len(read_csv(Path(again.again) / "recipes" / "tuned" / "trials.csv")) == 3
    settings = ta.Run(Path(again.again)).results["settings"]
    assert settings["search_time"] > 100_000


@pytest.mark.slow
def test_folds_and_corrections_are_made_again(tmp_path: Path) -> None:
    photos = draw_shapes(tmp_path / "photos", per_class=7)
    table = tmp_path / "edited.csv"
    table.write_text("path,class,proposed\ndisc/000.png,disc,frame\ndisc/001.png,disc,-\n")
    run = ta.fit(
        photos, tmp_path / "run", recipes="majority,baseline", folds=3, image_size=32, epochs=1, corrections=table
    )
    table.unlink()  # the run keeps a copy
    again = reproduce(run.folder)
    assert again.verdict == SAME
    assert ta.Run(Path(again.again)).results["split"]["folds"] == 3
    assert ta.Run(Path(again.again)).results["photos"]["corrections"]["left_out"] == ["disc/001.png"]
    other = Path(again.again) / "folds" / "2" / "recipes" / "baseline" / "model.onnx"
    other.write_bytes(other.read_bytes() + b" ")
    assert [one.same_model for one in compare(run, ta.Run(Path(again.again))).recipes] == [True, False]


def test_rounds_of_unequal_searches_may_differ(first: ta.Run, tmp_path: Path) -> None:
    def change(results: dict[str, Any]) -> None:
        results["recipes"][1] |= {"name": "tuned", "rounds": [{"trials": 4}, {"trials": 6, "trials_cut_off": 1}]}

    folded = copied(first, tmp_path / "folded", change)
    assert arguments_of(folded)["trials"] == 6
    told = compare(folded, first).reasons
    assert any("other numbers of trials in each round" in reason for reason in told)
    assert any("cut a trial of `tuned` off" in reason for reason in told)


def test_what_fit_is_given(first: ta.Run, tmp_path: Path) -> None:
    given = arguments_of(first)
    assert given["recipes"] == "majority,baseline"
    assert (given["seed"], given["image_size"], given["epochs"], given["test_share"]) == (0, 32, 1, 0.2)
    assert not {"photos", "out", "version", "weights_files", "photos_absolute"} & set(given)

    def change(results: dict[str, Any]) -> None:
        results["settings"] |= {"weights": str(tmp_path / "gone.h5"), "from_the_future": 1}
        results["recipes"][1] |= {"name": "tuned", "hyperparameters": {"trials": 7}}

    changed = arguments_of(copied(first, tmp_path / "other", change))
    assert changed["weights"] is None
    assert changed["trials"] == 7
    assert changed["search_time"] > 100_000
    assert "from_the_future" not in changed


def test_the_budget_of_an_older_run_was_the_time_of_its_search(first: ta.Run, tmp_path: Path) -> None:
    def older(results: dict[str, Any]) -> None:
        del results["settings"]["search_time"]
        results["settings"]["budget"] = 77.0

    given = arguments_of(copied(first, tmp_path / "older", older))
    assert given["search_time"] == 77.0
    assert "budget" not in given
    newer = arguments_of(copied(first, tmp_path / "newer", lambda told: told["settings"].update(budget=600.0)))
    assert newer["search_time"] == 300.0
    assert "budget" not in newer


def test_an_older_run_says_that_it_has_no_settings(first: ta.Run, tmp_path: Path) -> None:
    old = copied(first, tmp_path / "old", lambda results: results.pop("settings"))
    with pytest.raises(RunFolderError, match="did not write its settings down"):
        reproduce(old.folder)
    with pytest.raises(RunFolderError, match="no finished run"):
        reproduce(tmp_path)


def test_photos_that_are_gone_can_be_named(first: ta.Run, tmp_path: Path) -> None:
    def elsewhere(results: dict[str, Any]) -> None:
        results["settings"] |= {"photos": "gone", "photos_absolute": str(tmp_path / "gone")}

    moved = copied(first, tmp_path / "moved", elsewhere)
    with pytest.raises(PhotosError, match=r"no longer at .*gone\. Next: tellapart reproduce .*moved --photos FOLDER"):
        reproduce(moved.folder)
    assert not (tmp_path / "moved-again").exists()


def test_a_folder_that_is_taken_is_refused_before_anything_is_made(first: ta.Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="not empty"):
        reproduce(first.folder, out=tmp_path)


@pytest.mark.slow
def test_other_photos_are_named(first: ta.Run, tmp_path: Path) -> None:
    photos = draw_shapes(tmp_path / "photos", per_class=8)
    (photos / "disc" / "000.png").rename(photos / "disc" / "new.png")
    other = draw_shapes(tmp_path / "others", per_class=1, seed=5)
    (photos / "frame" / "001.png").write_bytes((other / "frame" / "000.png").read_bytes())
    found = reproduce(first.folder, photos=photos, out=tmp_path / "again")
    assert found.verdict == DIFFERS
    assert found.photos == {"new": ["disc/new.png"], "gone": ["disc/000.png"], "changed": ["frame/001.png"]}
    assert found.reasons[0] == "the photos are not the same (1 new, 1 gone, 1 changed)"


def test_a_copy_is_the_same(first: ta.Run, tmp_path: Path) -> None:
    found = compare(first, copied(first, tmp_path / "again"))
    assert found.verdict == SAME
    assert found.reasons == []


@pytest.mark.parametrize(("by", "verdict"), [(0.00002, NEAR), (0.01, DIFFERS)])
def test_the_largest_difference_of_a_probability(first: ta.Run, tmp_path: Path, by: float, verdict: str) -> None:
    again = copied(first, tmp_path / "again")
    table = tmp_path / "again" / "recipes" / "baseline" / "predictions.csv"
    row = table.read_text(encoding="utf-8").splitlines()[1]
    share = row.split(",")[3]
    edited(table, row, row.replace(share, f"{float(share) + by:.9g}"))
    found = compare(first, again)
    assert found.verdict == verdict
    assert found.recipes[1].largest_difference == pytest.approx(by, rel=1e-3)
    assert not found.recipes[1].same_predictions
    assert found.recipes[1].same_model
    assert found.reasons == ["photos, weights and versions are the same: the arithmetic of this machine is not"]


def test_other_photos_asked_have_no_difference_of_probabilities(first: ta.Run, tmp_path: Path) -> None:
    again = copied(first, tmp_path / "again")
    table = tmp_path / "again" / "recipes" / "baseline" / "predictions.csv"
    path = read_csv(table)[0]["path"]
    edited(table, path, "disc/another.png")
    found = compare(first, again)
    assert found.recipes[1].largest_difference is None
    assert found.verdict == DIFFERS


def test_other_model_bytes_alone_are_near(first: ta.Run, tmp_path: Path) -> None:
    again = copied(first, tmp_path / "again")
    with (tmp_path / "again" / "recipes" / "baseline" / "model.onnx").open("ab") as file:
        file.write(b"\0")
    found = compare(first, again)
    assert found.verdict == NEAR
    assert not found.recipes[1].same_model


def test_a_photo_in_another_part_of_the_split(first: ta.Run, tmp_path: Path) -> None:
    again = copied(first, tmp_path / "again")
    edited(tmp_path / "again" / "split.csv", "train", "test")
    found = compare(first, again)
    assert len(found.moved) == 1
    assert found.verdict == DIFFERS
    assert found.reasons == ["photos are in other parts of the split"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r["environment"]["packages"].update(numpy="0.1"), "the environment is not the same (numpy)"),
        (lambda r: r["environment"].update(cores=99), "the environment is not the same (cores)"),
        (lambda r: r["settings"]["weights_files"].update(pocket={"sha256": "1"}), "the weights of pocket are another"),
        (lambda r: r["best"].update(recipe="another"), "the choice between recipes that are level goes by"),
    ],
)
def test_what_probably_made_the_difference(first: ta.Run, tmp_path: Path, change: Change, reason: str) -> None:
    again = copied(first, tmp_path / "again", change)
    with (again.folder / "recipes" / "baseline" / "model.onnx").open("ab") as file:
        file.write(b"\0")
    (told,) = compare(first, again).reasons
    assert told.startswith(reason)


def test_what_differs_is_paired(first: ta.Run, tmp_path: Path) -> None:
    def change(results: dict[str, Any]) -> None:
        results["environment"]["packages"]["numpy"] = "0.1"
        results["recipes"].pop(0)

    found = compare(first, copied(first, tmp_path / "again", change))
    assert found.environment == {"numpy": Pair(first.results["environment"]["packages"]["numpy"], "0.1")}
    assert found.missing == ["majority"]
    assert found.verdict == DIFFERS


def test_a_trial_that_the_time_cut_off_is_told(first: ta.Run, tmp_path: Path) -> None:
    def change(results: dict[str, Any]) -> None:
        results["recipes"][1]["name"] = "tuned"
        results["recipes"][1]["hyperparameters"] |= {"trials": 3, f"trials_{CUT_OFF}": 1}

    runs = [copied(first, tmp_path / name, change) for name in ("one", "other")]
    for run in runs:
        (run.folder / "recipes" / "baseline").rename(run.folder / "recipes" / "tuned")
    found = compare(*runs)
    assert found.verdict == SAME
    assert "cut a trial of `tuned` off in the middle of its training" in found.reasons[0]


def test_trials_side_by_side_are_told(first: ta.Run, tmp_path: Path) -> None:
    def change(results: dict[str, Any]) -> None:
        results["settings"]["on"] = "ray://gone:10001"
        results["recipes"][1] |= {"name": "tuned", "hyperparameters": {"trials": 7}}

    beside = copied(first, tmp_path / "beside", change)
    assert arguments_of(beside)["on"] == "local"
    assert any("ran side by side" in reason for reason in compare(beside, first).reasons)
    # The budget left the search out: there is nothing to share out.
    without = copied(first, tmp_path / "without", lambda results: results["settings"].update(on="local"))
    assert arguments_of(without)["on"] is None
