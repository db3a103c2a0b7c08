"""Copies among many photos: what the audit's search finds in all of them at once, found piece by piece."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from needed import needs_fsspec, needs_parquet
from PIL import Image, ImageOps

from photo_maker import noise, save
from tellapart.errors import OptionError, RunFolderError, SourceError
from tellapart.files import read_json
from tellapart.photos.duplicates import find_duplicates
from tellapart.photos.listing import Listed
from tellapart.photos.scan import Photo, inspect
from tellapart.scale import bulk
from tellapart.scale.bulk import How
from tellapart.scale.copies import GROUPS, copies_in_bulk
from tellapart.scale.long_listing import Listing
from tellapart.scale.shards import MANIFEST
from tellapart.scale.tasks import Function, Outcome, Task

pytestmark = needs_parquet

N_SCENES = 12


class Here:
    """An engine without processes, which counts."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, function: Function, tasks: Iterable[Task], shared: bytes = b"") -> Iterator[tuple[Task, Outcome]]:
        for task in tasks:
            self.ran.append(task.name)
            yield task, Outcome(function(task, lambda: shared))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    engine = Here()
    monkeypatch.setattr(bulk, "open_engine", lambda on, workers: engine)  # noqa: ARG005
    return engine


def scene(seed: int) -> Image.Image:
    """A picture with coarse and fine structure."""
    coarse = noise(seed, (8, 6)).resize((240, 180), Image.Resampling.BICUBIC)
    fine = noise(seed + 5000, (80, 60)).resize((240, 180), Image.Resampling.BICUBIC)
    return Image.blend(coarse, fine, 0.4)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve scenes; of six of them copies of all kinds, far from them in the listing; one file that is no photo."""
    folder = tmp_path_factory.mktemp("copies") / "photos"
    for number in range(N_SCENES):
        picture = scene(number)
        save(picture, folder / f"a{number:02}.png")
        changed = (
            picture.copy(),
            picture.resize((100, 75)),
            ImageOps.mirror(picture),
            picture.crop((12, 0, 230, 170)),
            picture.point(lambda value: min(255, round(value * 1.2))),
            picture.resize((150, 150)),
        )
        if number < len(changed):
            save(changed[number], folder / f"z{number:02}.png")
    save(scene(2), folder / "zz.png")  # a group of three
    (folder / "n.png").write_bytes(b"no photo")
    return folder


def at_once(photos: Path) -> list[list[str]]:
    """What the audit's search finds in all photos, in the order of the listing."""
    names = sorted(path.name for path in photos.iterdir())
    seen = [inspect(photos, Listed(name, "")) for name in names]
    items = [photo for photo in seen if isinstance(photo, Photo)]
    return [[items[place].path for place in group] for group in find_duplicates(items).groups]


def groups_of(out: Path) -> list[list[str]]:
    from pyarrow import parquet

    found: dict[int, list[str]] = {}
    for row in parquet.read_table(out / GROUPS).to_pylist():
        found.setdefault(row["group"], []).append(Path(row["path"]).name)
    assert list(found) == list(range(len(found)))
    return list(found.values())


@pytest.mark.parametrize("size", [3, 7, 100])
def test_pieces_find_what_is_found_at_once(photos: Path, here: Here, tmp_path: Path, size: int) -> None:
    expected = at_once(photos)
    assert len(expected) == 6
    assert ["a02.png", "z02.png", "zz.png"] in expected
    manifest = copies_in_bulk(Listing([photos]), tmp_path / "out", how=How(shard_size=size))
    assert groups_of(tmp_path / "out") == expected
    wanted = {"photos": 20, "errors": 1, "groups": 6, "in_groups": 13}
    assert {name: manifest[name] for name in wanted} == wanted
    assert read_json(tmp_path / "out" / MANIFEST) == manifest
    n_pieces = -(-20 // size)
    assert len(here.ran) == n_pieces + max(1, n_pieces * (n_pieces - 1) // 2)
    here.ran = []
    copies_in_bulk(Listing([photos]), tmp_path / "out", how=How(shard_size=size))
    assert here.ran == [], "all is there"


def test_no_copies_are_an_empty_table(here: Here, tmp_path: Path) -> None:
    for number in range(4):
        save(scene(number), tmp_path / "photos" / f"{number}.png")
    manifest = copies_in_bulk(Listing([tmp_path / "photos"]), tmp_path / "out", how=How(shard_size=2))
    assert (manifest["groups"], manifest["in_groups"]) == (0, 0)
    assert groups_of(tmp_path / "out") == []
    assert here.ran


@needs_fsspec
@pytest.mark.usefixtures("here")
def test_at_an_address(photos: Path, tmp_path: Path) -> None:
    from fsspec.core import url_to_fs

    out = f"memory://{tmp_path.name}/copies"
    copies_in_bulk(Listing([photos]), out, how=How(shard_size=7))
    filesystem, path = url_to_fs(out)
    (tmp_path / GROUPS).write_bytes(filesystem.cat_file(f"{path}/{GROUPS}"))
    assert groups_of(tmp_path) == at_once(photos)


@pytest.mark.usefixtures("here")
def test_what_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="Accepted: 1 to 10000"):
        copies_in_bulk(Listing([photos]), tmp_path, how=How(shard_size=20_000))
    (tmp_path / "precious").touch()
    with pytest.raises(RunFolderError, match="holds precious"):
        copies_in_bulk(Listing([photos]), tmp_path)
    out = tmp_path / "out"
    copies_in_bulk(Listing([photos]), out, how=How(shard_size=7))
    with pytest.raises(RunFolderError, match="begun with other arguments"):
        copies_in_bulk(Listing([photos]), out, how=How(shard_size=8))


@pytest.mark.usefixtures("here")
def test_a_piece_that_changes_meanwhile_is_told(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tellapart.scale import copies

    compare = copies.compare_shard

    def with_another(place: str, task: Task, shared: Any) -> Any:
        piece = Path(place) / task.inputs["pieces"][0][0]
        piece.write_bytes(piece.read_bytes() + b" ")
        return compare(place, task, shared)

    monkeypatch.setattr(copies, "compare_shard", with_another)
    with pytest.raises(SourceError, match="has changed"):
        copies_in_bulk(Listing([photos]), tmp_path / "out", how=How(shard_size=10))


@pytest.mark.slow
def test_by_processes(photos: Path, tmp_path: Path) -> None:
    copies_in_bulk(Listing([photos]), tmp_path / "out", how=How(workers=2, shard_size=7))
    assert groups_of(tmp_path / "out") == at_once(photos)
