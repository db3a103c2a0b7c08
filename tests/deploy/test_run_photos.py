import shutil
from pathlib import Path

import pytest

from ladder_set import draw_shapes
from photo_maker import noise, save
from tellapart.deploy.run_photos import RunPhotos, photos_of_run
from tellapart.errors import PhotosError, RunFolderError
from tellapart.files import write_csv, write_json
from tellapart.photos.scan import scan
from tellapart.run import Run

PARTS = ("train", "valid", "test")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of nine photos, three of each part, as far as its photos are told of."""
    found = scan(draw_shapes(tmp_path / "photos", per_class=3))
    write_csv(tmp_path / "run" / "photos.csv", ("path", "class", "sha256"), found.contents())
    rows = [(photo.path, photo.label, PARTS[n % 3], "g" if n < 2 else "") for n, photo in enumerate(found.items)]
    write_csv(tmp_path / "run" / "split.csv", ("path", "class", "part", "group"), rows)
    results = {"format": 1, "split": {}, "settings": {"photos_absolute": str(tmp_path / "photos"), "photos": "photos"}}
    write_json(tmp_path / "run" / "results.json", results)
    return Run(tmp_path / "run")


def found(run: Run, given: Path | None = None) -> RunPhotos:
    told = photos_of_run(run, given)
    assert told is not None
    return told


def test_each_part_is_found_with_classes_contents_and_groups(run: Run) -> None:
    photos = found(run)
    assert photos.root == run.folder.parent / "photos"
    assert [photo.path for photo in photos.train] == ["disc/000.png", "frame/000.png", "stripes/000.png"]
    assert [photo.label for photo in photos.test] == ["disc", "frame", "stripes"]
    assert all(len(photo.content) == 64 for photo in photos.valid)
    assert photos.groups == {"disc/000.png": "g", "disc/001.png": "g"}
    assert photos.told(run.folder) == ""


def test_photos_that_are_gone_or_changed_are_named(run: Run) -> None:
    root = run.folder.parent / "photos"
    (root / "disc" / "002.png").unlink()
    save(noise(1), root / "frame" / "000.png")
    photos = found(run)
    assert photos.missing == {"train": ("frame/000.png",), "test": ("disc/002.png",)}
    assert [photo.path for photo in photos.test] == ["frame/002.png", "stripes/002.png"]
    told = photos.told(run.folder)
    assert told.startswith("2 photos of the run are gone")
    assert "frame/000.png, disc/002.png" in told
    assert "--photos FOLDER" in told


def test_photos_that_have_moved_are_pointed_at(run: Run, tmp_path: Path) -> None:
    shutil.move(tmp_path / "photos", tmp_path / "elsewhere")
    assert photos_of_run(run) is None
    assert not found(run, tmp_path / "elsewhere").missing
    with pytest.raises(PhotosError, match=r"There is no .*nowhere"):
        photos_of_run(run, tmp_path / "nowhere")


def test_a_table_stands_for_the_folder_that_it_lies_in(run: Run) -> None:
    table = run.folder.parent / "photos" / "table.csv"
    table.write_text("path,label\n")
    assert not found(run, table).missing


def test_the_last_fold_validates_and_all_others_were_learned_from(run: Run) -> None:
    rows = [(photo.path, photo.label, f"fold-{n % 3 + 1}", "") for n, photo in enumerate(scan(found(run).root).items)]
    write_csv(run.folder / "split.csv", ("path", "class", "part", "group"), rows)
    run.results["split"]["folds"] = 3
    photos = found(run)
    assert (len(photos.train), len(photos.valid), len(photos.test)) == (6, 3, 0)
    assert [photo.path[-7:] for photo in photos.valid] == ["002.png"] * 3


def test_early_runs_did_not_write_the_contents_down_and_are_believed(run: Run) -> None:
    (run.folder / "photos.csv").unlink()
    assert not found(run).missing
    (run.folder / "split.csv").unlink()
    with pytest.raises(RunFolderError, match=r"no split\.csv"):
        photos_of_run(run)
