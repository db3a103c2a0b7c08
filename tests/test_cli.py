"""The command line as a user meets it: results, one-line errors, exit status."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from as_user import run
from ladder_set import draw_shapes


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_shapes(tmp_path_factory.mktemp("cli") / "photos", per_class=8)


@pytest.fixture(scope="session")
def finished(photos: Path) -> Path:
    """A run of two recipes, made by the command itself in a process of its own."""
    out = photos.parent / "run"
    words = ["fit", photos, "--out", out, "--recipes", "majority,baseline", "--image-size", 32, "--epochs", 2]
    environment = {**os.environ, "TELLAPART_CACHE": str(photos.parent / "cache")}
    result = subprocess.run(
        [sys.executable, "-m", "tellapart.cli", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert result.returncode == 0, result.stderr
    assert "baseline" in result.stdout
    assert "report.html" in result.stdout
    assert "24 photos" in result.stderr
    assert "oneDNN" not in result.stderr, "start-up chatter of the framework"
    return out


def bad_folders(place: Path) -> dict[str, Path]:
    """Everything that is no folder of photos."""
    (place / "empty").mkdir()
    draw_shapes(place / "good", per_class=6)
    (place / "one class").mkdir()
    (place / "good" / "disc").rename(place / "one class" / "disc")
    (place / "texts" / "a").mkdir(parents=True)
    (place / "texts" / "a" / "photo.jpg").write_text("this is text")
    (place / "file.jpg").write_text("x")
    draw_shapes(place / "few", per_class=6)
    for path in sorted((place / "few" / "disc").iterdir())[2:]:
        path.unlink()
    return {path.name: path for path in place.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing", "There is no folder"),
        ("empty", "no files"),
        ("one class", "one class only"),
        ("texts", "no readable photo"),
        ("file.jpg", "is a file"),
        ("few", "'disc' has 2"),
    ],
)
def test_bad_photos_are_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, told: str
) -> None:
    place = bad_folders(tmp_path).get(name, tmp_path / name)
    status, out, err = run(capsys, "fit", place, "--out", tmp_path / "run", "--recipes", "majority")
    assert status == 2
    assert out == ""
    assert told in err
    assert "Next:" in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--recipes", "deper"], "Did you mean deeper"),
        (["--backbone", "resnet"], "resnet50"),
        (["--weights", "nowhere.h5"], "There is no weights file"),
        (["--budget", "soon"], "90s, 5m, 1h"),
        (["--fast", "--folds", "3"], "leave out --fast or --folds"),
        (["--search-time", "soon"], "90s, 5m, 1h"),
        (["--test-share", "0.9"], "0.05 to 0.5"),
    ],
)
def test_bad_settings_are_one_line_and_status_2(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    status, _, err = run(capsys, "fit", photos, "--out", tmp_path / "run", *words)
    assert status == 2
    assert told in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_audit_prints_a_table_or_json_and_leaves_a_page(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run(capsys, "audit", photos, "--out", tmp_path / "audit")
    assert status == 0
    assert "warning" in out
    assert (tmp_path / "audit" / "audit.html").is_file()
    status, out, _ = run(capsys, "audit", photos, "--out", tmp_path / "audit", "--json")
    told = json.loads(out)
    assert "too-small" in {finding["kind"] for finding in told["findings"]}
    status, _, err = run(capsys, "audit", tmp_path / "none", "--out", tmp_path / "other")
    assert status == 2
    assert "There is no folder" in err


@pytest.mark.slow
def test_wrong_labels_are_listed_in_a_table_and_the_table_is_applied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = draw_shapes(tmp_path / "photos", per_class=30)
    (root / "frame" / "000.png").rename(root / "disc" / "a frame.png")
    before = {path: path.read_bytes() for path in root.rglob("*.png")}
    status, out, _ = run(capsys, "audit", root, "--out", tmp_path / "audit", "--apply")
    assert status == 0
    assert "may have a wrong label" in out
    file = tmp_path / "audit" / "corrections.csv"
    assert f"Next: tellapart fit PHOTOS --out RUN --corrections {file}" in out
    rows = file.read_text(encoding="utf-8").splitlines()
    assert rows[0] == "path,class,proposed,suspicion"
    assert rows[1].startswith("disc/a frame.png,disc,frame,0.9")
    status, _, err = run(capsys, "audit", root, "--out", tmp_path / "audit", "--apply")
    assert status == 2
    assert "is there already, and may have been edited" in err
    words = ["--out", tmp_path / "again", "--corrections", file, "--json"]
    status, out, _ = run(capsys, "audit", root, *words)
    assert status == 0
    assert "wrong-label" not in {finding["kind"] for finding in json.loads(out)["findings"]}
    status, _, err = run(capsys, "audit", root, "--out", tmp_path / "other", "--corrections", root / "disc" / "000.png")
    assert status == 2
    assert "no table of corrections that can be read" in err
    assert {path: path.read_bytes() for path in root.rglob("*.png")} == before


def test_where_labels_cannot_be_checked_no_table_is_written(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "photos"
    shutil.copytree(photos, few)
    for path in sorted((few / "disc").iterdir())[4:]:
        path.unlink()
    status, out, _ = run(capsys, "audit", few, "--out", tmp_path / "audit", "--apply")
    assert status == 0
    assert "'disc' has 4 different photos" in out
    assert "the labels were not checked" in out
    assert not (tmp_path / "audit" / "corrections.csv").exists()


@pytest.mark.slow
def test_weights_of_another_network_are_refused(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ladder_set import random_weights

    words = ["--weights", random_weights(tmp_path), "--backbone", "vgg16", "--recipes", "baseline,bottleneck"]
    status, _, err = run(capsys, "fit", photos, "--out", tmp_path / "run", *words)
    assert status == 2
    assert "does not fit vgg16" in err
    assert not (tmp_path / "run").exists(), "something was trained before"


@pytest.mark.slow
def test_another_run_is_not_overwritten(
    photos: Path, finished: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    status, _, err = run(capsys, "fit", photos, "--out", finished, "--recipes", "majority")
    assert status == 2
    assert "--resume" in err
    assert before == {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    (tmp_path / "mine.txt").write_text("mine")
    status, _, err = run(capsys, "fit", photos, "--out", tmp_path, "--recipes", "majority")
    assert status == 2
    assert "not empty" in err


@pytest.mark.slow
def test_no_space_and_no_permission_are_told(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        status, _, err = run(capsys, "fit", photos, "--out", tmp_path / "run", "--recipes", "majority")
    assert status == 2
    assert "disk is full" in err
    assert "Next:" in err
    (tmp_path / "file").write_text("x")
    status, _, err = run(capsys, "fit", photos, "--out", tmp_path / "file" / "run", "--recipes", "majority")
    assert status == 2
    assert "a file, not a folder" in err


def test_a_folder_without_permission_is_told(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    (tmp_path / "locked").mkdir(mode=0o500)
    status, _, err = run(capsys, "fit", photos, "--out", tmp_path / "locked" / "run", "--recipes", "majority")
    assert status == 2
    assert "Permission denied" in err


@pytest.mark.slow
def test_predict_prints_writes_and_names_what_it_cannot_read(
    photos: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = photos / "disc" / "000.png"
    status, out, _ = run(capsys, "predict", finished / "model.onnx", good, "--top", 2)
    assert status == 0
    assert out.startswith(str(good))
    assert out.count("%") == 2
    status, out, _ = run(capsys, "predict", finished, photos / "disc", "--json")
    assert len([json.loads(line) for line in out.splitlines()]) == 8
    (tmp_path / "bad.jpg").write_text("text")
    status, _, err = run(capsys, "predict", finished, good, tmp_path / "bad.jpg", "--out", tmp_path / "a.csv")
    assert status == 2
    assert "1 of the photos" in err
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 3
    status, _, err = run(capsys, "predict", finished, good, "--out", tmp_path / "a.txt")
    assert status == 2
    assert ".csv or .jsonl" in err
    status, _, err = run(capsys, "predict", finished, tmp_path / "none.jpg")
    assert status == 2
    status, _, err = run(capsys, "predict", good, good)
    assert status == 2
    assert "is not a model that can be run" in err


@pytest.mark.slow
def test_predict_takes_patterns_and_names_on_input(
    photos: Path, finished: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = run(capsys, "predict", finished, photos / "**" / "00[01].png", "--json")
    assert status == 0
    assert [Path(json.loads(line)["path"]).relative_to(photos).as_posix() for line in out.splitlines()] == [
        f"{label}/00{number}.png" for label in sorted(path.name for path in photos.iterdir()) for number in (0, 1)
    ]
    names = f"{photos / 'disc' / '000.png'}\n{photos / 'gone.png'}\n".encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(names)))
    status, out, err = run(capsys, "predict", finished, "-")
    assert status == 2
    assert [": cannot be read: no such file" in line for line in out.splitlines()] == [False, True]
    assert "1 of the photos could not be read" in err
    assert "Next: save them as JPEG or PNG" in err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(names.replace(b"\n", b"\0"))))
    status, out, _ = run(capsys, "predict", finished, "-", "-0")
    assert (status, len(out.splitlines())) == (2, 2)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a closed pipe is another error there")
def test_a_reader_that_goes_away_is_no_error_message(photos: Path, finished: Path) -> None:
    words = [sys.executable, "-m", "tellapart.cli", "predict", str(finished), str(photos)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.slow
def test_predict_may_be_not_sure_or_name_several(
    photos: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capsys, "predict", finished, photos / "disc", "--reject", 0.9, "--sets", "--json")
    assert status == 0
    assert "--reject 0.9: it answers" in err
    records = [json.loads(line) for line in out.splitlines()]
    assert {"answer", "set", "stranger"} <= set(records[0])
    status, out, _ = run(capsys, "predict", finished, photos / "disc", "--sets")
    assert out.count("; may be ") == 8
    for rate, told in ((0.001, "cannot be promised"), (3, "over 0 and under 1")):
        status, out, err = run(capsys, "predict", finished, photos / "disc", "--reject", rate)
        assert (status, out) == (2, "")
        assert told in err
        assert "Next: --reject" in err
        assert len(err.strip().splitlines()) == 1


@pytest.mark.slow
def test_predict_loads_no_training_framework(photos: Path, finished: Path) -> None:
    script = (
        "import sys; from tellapart import load; "
        f"load({str(finished)!r}).predict([{str(photos / 'disc' / '000.png')!r}]); "
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax', 'optuna', 'onnx'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.slow
def test_report_makes_the_page_anew(finished: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = (finished / "report.html").read_bytes()
    (finished / "report.html").unlink()
    status, out, _ = run(capsys, "report", finished)
    assert status == 0
    assert out.strip() == str(finished / "report.html")
    assert (finished / "report.html").read_bytes() == page
    status, _, err = run(capsys, "report", tmp_path)
    assert status == 2
    assert "results.json" in err


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_and_resume_goes_on(photos: Path, tmp_path: Path) -> None:
    words = ["fit", photos, "--out", tmp_path / "run", "--recipes", "majority,baseline,augmented", "--image-size", 32]
    command = [sys.executable, "-m", "tellapart.cli", *map(str, words)]
    environment = {**os.environ, "TELLAPART_CACHE": str(tmp_path / "cache")}

    def listen() -> None:  # a shell's background job ignores the signal, and its children with it
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=listen,  # noqa: PLW1509
    ) as process:
        wait_for(tmp_path / "run" / "recipes" / "baseline" / "recipe.json", process)
        other = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False, env=environment)
        assert other.returncode == 2
        assert f"is in use by process {process.pid} on " in other.stderr
        assert len(other.stderr.splitlines()) == 1
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        told = process.stderr.read()
        assert process.wait(30) == 130
    assert "Traceback" not in told
    assert told.splitlines()[-1].endswith("Next: the same command with --resume")
    assert not (tmp_path / "run" / "results.json").exists()
    with subprocess.Popen(
        [*command, "--resume"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        wait_for(tmp_path / "run" / ".holder.json", process, f'"process": {process.pid},')
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[-1].endswith("Next: the same command with --resume")
        assert process.wait(30) == 130
    result = subprocess.run(
        [*command, "--resume", "--epochs", "80"], capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == 2, "other settings are refused"
    result = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == 0, result.stderr
    assert "baseline: done before" in result.stderr
    assert (tmp_path / "run" / "results.json").is_file()


def wait_for(path: Path, process: "subprocess.Popen[str]", told: str = "") -> None:
    for _ in range(1200):
        if path.exists() and told in path.read_text(encoding="utf-8"):
            return
        assert process.poll() is None, "ended too early"
        time.sleep(0.1)
    raise AssertionError(f"{path} did not come")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert all(command in out for command in ("fit", "predict", "report", "demo"))
    status, _, _ = run(capsys, "fit", "--help")
    assert status == 0


def test_unknown_words_are_told_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "fti")
    assert status == 2
    assert "fti" in err
    status, _, err = run(capsys, "fit")
    assert status == 2
    assert "--help" in err


def test_pictures_of_the_fixture_open(photos: Path) -> None:
    with Image.open(photos / "disc" / "000.png") as picture:
        assert picture.size == (40, 40)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (FileNotFoundError(2, "No such file", "RUN/split.csv"), "RUN/split.csv is not there. Next: see that nothing"),
        (MemoryError("Unable to allocate 9.0 GiB"), "There is not enough memory for this, and "),
        (RuntimeError("[ONNXRuntimeError] : std::bad_alloc"), "There is not enough memory for this, and "),
        (ValueError("(sqlite3.OperationalError) database or disk is full"), "The disk is full."),
        (PermissionError(13, "Permission denied", "RUN/a"), "Cannot read or write RUN/a. Permission denied. Next: "),
    ],
)
def test_what_the_machine_lacks_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, problem: Exception, told: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr("tellapart.pipeline.fit", fail)
    status, _, err = run(capsys, "fit", "photos", "--out", "run")
    assert status == 2
    assert told in err
    assert err.count("\n") == 1


def test_a_defect_is_not_taken_for_a_disk(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("tellapart.pipeline.fit", fail)
    with pytest.raises(RuntimeError, match="a defect"):
        run(capsys, "fit", "photos", "--out", "run")
