"""Whole commands on disks that are full or may not be written: one line, nothing lost, and they go on later.

`tests/long/disk.py` does it far more often, and with real disks.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tellapart as ta
from as_user import Notes
from ladder_set import draw_shapes
from limited import files_limited
from tellapart.errors import PhotosError, RunFolderError, StorageError
from tellapart.inspection import inspect_photos
from tellapart.pipeline import demo
from tellapart.storage import megabytes

Change = Callable[[Path, Path], object]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "statvfs"), reason="Windows limits no file sizes"),
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_shapes(tmp_path_factory.mktemp("disk") / "photos", per_class=12)


@pytest.fixture(scope="module", autouse=True)
def without_pictures() -> Iterator[None]:
    """Explanations take most of the time, and have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tellapart.pipeline.leave_explanations", lambda *_: {})
        patch.setattr("tellapart.pipeline.write_report", lambda run, _: run)
        yield


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> ta.Run:
    """A run that met nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLAPART_CACHE", str(tmp_path_factory.mktemp("cache")))
        return climb(photos, tmp_path_factory.mktemp("whole") / "run")


def climb(photos: Path, out: Path, *, resume: bool = False, notes: Notes | None = None) -> ta.Run:
    return ta.fit(photos, out, recipes="linear", backbone="pocket", image_size=32, resume=resume, progress=notes)


def answers(run: ta.Run) -> list[str]:
    files = ("split.csv", "recipes/linear/predictions.csv", "recipes/linear/confusion.csv")
    return [(run.folder / file).read_text() for file in files]


def test_a_run_that_met_a_limit_goes_on_to_the_same_answers(photos: Path, whole: ta.Run, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with files_limited(1_000_000), pytest.raises(StorageError) as told:
        climb(photos, out)
    line = str(told.value)
    assert line.startswith(f"Cannot write {out / 'recipes' / 'linear' / 'model.onnx'}. ")
    size = megabytes((whole.folder / "recipes" / "linear" / "model.onnx").stat().st_size)
    assert f"It takes {size}, and files of at most 1.0 MB are allowed. Next: raise the limit" in line
    assert not list(out.rglob("*.tmp*"))
    assert answers(climb(photos, out, resume=True)) == answers(whole)


def test_a_cache_that_cannot_be_written_stops_no_run(
    photos: Path, whole: ta.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "file" / "cache"))
    notes = Notes()
    assert answers(climb(photos, tmp_path / "run", notes=notes)) == answers(whole)
    assert sum("The cache cannot be used" in line for line in notes.lines) == 1


def test_a_run_folder_that_is_removed_is_one_line_and_can_be_begun_anew(
    photos: Path, whole: ta.Run, tmp_path: Path
) -> None:
    out = tmp_path / "run"

    class Removing(Notes):
        def note(self, text: str) -> None:
            super().note(text)
            if text.startswith("Audit: "):
                shutil.rmtree(out)

    with pytest.raises(StorageError, match=r"The folder .*run was removed while it was written to\. Next: "):
        climb(photos, out, notes=Removing())
    assert not out.exists()
    assert answers(climb(photos, out, resume=True)) == answers(whole)


class Acting(Notes):
    """Does something to the photos at the first note that begins with given words."""

    def __init__(self, words: str, act: Callable[[], object]) -> None:
        super().__init__()
        self._words, self._act = words, act

    def note(self, text: str) -> None:
        super().note(text)
        if text.startswith(self._words):
            act, self._act = self._act, lambda: None
            act()


def trained_on(run: ta.Run, photos: Path) -> list[Path]:
    """The photos that a run learned from."""
    rows = [line.split(",") for line in (run.folder / "split.csv").read_text().splitlines()]
    return [photos / row[0] for row in rows if row[2] == "train"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda path, _: path.unlink(), "was readable before and is not now: no such file or directory"),
        (lambda path, other: shutil.copyfile(other, path), "was changed while the run went on"),
        (lambda path, _: path.write_bytes(path.read_bytes()[:40]), "was changed while the run went on"),
    ],
    ids=["deleted", "replaced", "cut"],
)
def test_a_photo_that_changes_before_it_is_used_is_one_line_and_goes_on_once_it_is_back(
    photos: Path, whole: ta.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change, told: str
) -> None:
    copy = Path(shutil.copytree(photos, tmp_path / "photos"))
    path = trained_on(whole, copy)[0]
    before, other = path.read_bytes(), next(file for file in path.parent.iterdir() if file != path)
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))  # where nothing of it is kept
    with pytest.raises(PhotosError) as line:
        climb(copy, tmp_path / "run", notes=Acting("Audit: ", lambda: change(path, other)))
    assert str(line.value).startswith(f"{path} {told}")
    assert str(line.value).endswith("the same command with --resume; or begin anew with another --out")
    path.write_bytes(before)
    assert answers(climb(copy, tmp_path / "run", resume=True)) == answers(whole)


def test_photos_that_go_after_training_cost_no_run(photos: Path, whole: ta.Run, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(photos, tmp_path / "photos"))
    learned = trained_on(whole, copy)

    def remove() -> None:
        for path in learned:
            path.unlink()

    run = climb(copy, tmp_path / "run", notes=Acting("linear: ", remove))
    assert not any(path.exists() for path in learned)
    assert answers(run) == answers(whole)
    assert not (run.folder / "figures" / "augmentation.png").exists(), "there is no photo left to draw it from"


def command(*words: object, **more: object) -> subprocess.CompletedProcess[str]:
    script = "from tellapart.cli import main; main()"
    given = [sys.executable, "-c", script, *map(str, words)]
    return subprocess.run(given, text=True, check=False, stderr=subprocess.PIPE, **more)  # type: ignore[call-overload, no-any-return]


def test_answers_that_do_not_fit_leave_those_of_before(whole: ta.Run, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.csv"
    out.write_text("of before")

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))

    done = command("predict", whole.folder / "model.onnx", photos, "--out", out, preexec_fn=limit)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("tellapart: ")]
    assert line.startswith(
        f"tellapart: Cannot write {out}. The file is larger than is allowed here. It takes more than"
    )
    assert "files of at most 1 kB are allowed" in line
    assert "Traceback" not in done.stderr
    assert out.read_text() == "of before"
    assert [path.name for path in tmp_path.iterdir()] == ["answers.csv"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has a file that is always full")
def test_standard_output_on_a_full_disk_is_one_line(whole: ta.Run, photos: Path) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = command("predict", whole.folder / "model.onnx", photos, stdout=full)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("tellapart: Cannot write a file. The disk is full.")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has a file that is always full")
def test_a_log_on_a_full_disk_stops_nothing(photos: Path, tmp_path: Path) -> None:
    script = "from tellapart.cli import main; main()"
    words = ["audit", str(photos), "--out", str(tmp_path / "audit")]
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([sys.executable, "-c", script, *words], check=False, stdout=subprocess.PIPE, stderr=full)
    assert done.returncode == 0
    assert (tmp_path / "audit" / "audit.html").is_file()


def test_an_audit_that_met_a_limit_may_be_made_again(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    with files_limited(5_000), pytest.raises(StorageError):
        inspect_photos(photos, out)
    inspect_photos(photos, out)
    assert (out / "audit.html").is_file()


def test_a_demo_that_met_a_limit_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    with files_limited(1_000_000), pytest.raises(StorageError):
        demo(out, recipes="linear", photos_per_class=8)
    assert (out / "run.json").is_file()
    with pytest.raises(RunFolderError, match="--resume"):
        demo(out, recipes="linear", photos_per_class=8)
    assert demo(out, recipes="linear", photos_per_class=8, resume=True).best == "linear"
    with pytest.raises(RunFolderError, match="holds another run"):
        demo(out, recipes="linear", photos_per_class=8)
