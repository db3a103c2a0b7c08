from pathlib import Path
from typing import Any

import pytest

from tellapart.errors import PhotosError, RunFolderError, UnknownNameError
from tellapart.files import read_json, write_csv, write_json, write_text
from tellapart.holding import Hold
from tellapart.run import FORMAT, Run, check_free, claim, keep_apart, settings_of

SETTINGS: dict[str, object] = {"seed": 0, "recipes": ["baseline"], "weights": None}


def entry(name: str, accuracy: float) -> dict[str, Any]:
    return {
        "name": name,
        "train": {"accuracy": 0.9},
        "test": {"accuracy": accuracy, "accuracy_low": 0.4, "accuracy_high": 0.8, "macro_f1": 0.55},
        "seconds": {"total": 12.4},
    }


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    write_json(
        tmp_path / "results.json",
        {
            "format": FORMAT,
            "recipes": [entry("baseline", 0.6), entry("deeper", 0.7)],
            "best": {"recipe": "deeper", "why": "best on validation"},
        },
    )
    write_csv(tmp_path / "recipes/deeper/history.csv", ["epoch", "loss"], [[1, 0.9], [2, 0.5]])
    return tmp_path


def test_a_free_name_is_claimed(tmp_path: Path) -> None:
    claim(tmp_path / "runs" / "first", SETTINGS, resume=False)
    assert read_json(tmp_path / "runs" / "first" / "run.json") == {"format": FORMAT, "settings": SETTINGS}


@pytest.mark.parametrize("resume", [False, True])
def test_an_empty_folder_is_claimed(tmp_path: Path, resume: bool) -> None:
    claim(tmp_path, SETTINGS, resume=resume)
    assert (tmp_path / "run.json").is_file()


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_whose_taking_was_killed_is_free(tmp_path: Path, resume: bool) -> None:
    for name in (".lock", ".holder.json", ".run.json.abcd1234.tmp.json", "..holder.json.abcd1234.tmp.json"):
        (tmp_path / name).touch()
    check_free(tmp_path)
    with Hold(tmp_path) as hold:
        claim(tmp_path, SETTINGS, resume=resume, hold=hold)
        assert sorted(path.name for path in tmp_path.iterdir()) == [".holder.json", ".lock", "run.json"]
        with pytest.raises(RunFolderError, match="in use by process"):
            claim(tmp_path, SETTINGS, resume=True, hold=Hold(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_another_run_is_never_overwritten(tmp_path: Path) -> None:
    claim(tmp_path, SETTINGS, resume=False)
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(RunFolderError, match=r"holds another run\. Next: --resume"):
        claim(tmp_path, {**SETTINGS, "seed": 1}, resume=False)
    with pytest.raises(RunFolderError, match="holds another run"):
        check_free(tmp_path)
    assert (tmp_path / "run.json").read_bytes() == before


def test_the_settings_of_a_run_can_be_read(tmp_path: Path) -> None:
    assert settings_of(tmp_path / "run") == {}
    claim(tmp_path / "run", {"backbone": "pocket"}, resume=False)
    assert settings_of(tmp_path / "run") == {"backbone": "pocket"}


def test_results_are_kept_out_of_the_photos(tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "run", tmp_path / "a" / ".." / "run"):
        with pytest.raises(PhotosError, match="lies inside the photos"):
            keep_apart(tmp_path, out)
    keep_apart(tmp_path / "photos", tmp_path / "run")
    (tmp_path / "table.csv").touch()
    keep_apart(tmp_path / "table.csv", tmp_path / "run")


def test_a_run_goes_on_with_the_same_settings(tmp_path: Path) -> None:
    claim(tmp_path, SETTINGS, resume=False)
    claim(tmp_path, SETTINGS, resume=True)
    with pytest.raises(RunFolderError, match=r"other settings \(seed was 0, is 7\)"):
        claim(tmp_path, {**SETTINGS, "seed": 7}, resume=True)


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_other_things_is_refused(tmp_path: Path, resume: bool) -> None:
    write_text(tmp_path / "thesis.txt", "precious")
    with pytest.raises(RunFolderError, match="is not empty and holds no run"):
        claim(tmp_path, SETTINGS, resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("resume", [False, True])
def test_a_file_is_refused(tmp_path: Path, resume: bool) -> None:
    write_text(tmp_path / "file", "")
    with pytest.raises(RunFolderError, match="is a file"):
        claim(tmp_path / "file", SETTINGS, resume=resume)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 99, "settings": {}}'])
def test_a_damaged_state_is_told(tmp_path: Path, text: str) -> None:
    write_text(tmp_path / "run.json", text)
    with pytest.raises(RunFolderError, match="damaged, or of another version"):
        claim(tmp_path, SETTINGS, resume=True)


def test_a_finished_run_is_read(finished: Path) -> None:
    run = Run(finished)
    assert run.best == "deeper"
    assert repr(run) == f"Run({str(finished)!r}, best='deeper')"
    recipe = run.recipe("deeper")
    assert recipe.results["test"]["accuracy"] == 0.7
    assert recipe.history == [{"epoch": 1.0, "loss": 0.9}, {"epoch": 2.0, "loss": 0.5}]


def test_an_unknown_recipe_gives_the_nearest(finished: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"'deper'\. Did you mean deeper\? Accepted: baseline, deeper"):
        Run(finished).recipe("deper")


def test_a_folder_without_results_is_no_finished_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"no finished run\. Next: tellapart fit PHOTOS --out"):
        Run(tmp_path)


@pytest.mark.parametrize("text", ["", "[1]", '{"format": 2}', '{"recipes": []}'])
def test_results_of_another_kind_are_refused(tmp_path: Path, text: str) -> None:
    write_text(tmp_path / "results.json", text)
    with pytest.raises(RunFolderError, match=r"results\.json is damaged, or of another version"):
        Run(tmp_path)


def test_the_leaderboard_marks_the_chosen_one(finished: Path) -> None:
    table = Run(finished).leaderboard()
    assert table.columns[0] == "recipe"
    assert len(table.columns) == len(table.rows[0])
    assert table.rows[0][:4] == ("baseline", "0.600", "0.400 to 0.800", "0.550")
    assert [row[0] for row in table.rows] == ["baseline", "deeper *"]
    assert table.marked == 1
    assert "chosen" in table.caption


def test_a_run_shows_itself_in_a_notebook(finished: Path) -> None:
    html = Run(finished)._repr_html_()
    assert "70.0\xa0%</strong> of the test photos right (95 % interval 40.0\xa0% to 80.0\xa0%)" in html
    assert "model.onnx PHOTO</code>" in html
    assert "<table>" in html
    assert Run(finished).recipe("deeper").history.best_epoch is None


def test_what_a_run_does_not_hold_is_told(finished: Path) -> None:
    with pytest.raises(RunFolderError, match="is not whole"):
        Run(finished).plot_ladder()
