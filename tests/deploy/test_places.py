from pathlib import Path

import pytest

from tellapart.deploy.places import find_photos
from tellapart.errors import PhotosError


def test_folders_are_searched_in_a_fixed_order(tmp_path: Path) -> None:
    names = ["b/2.JPG", "b/1.png", "a/x/3.webp", "a/c.tiff", "z.gif"]
    others = ["b/.hidden.png", "a/.ipynb_checkpoints/1.png", "__MACOSX/b/1.png", "a/notes.txt", "b/Thumbs.db"]
    for name in names + others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos([tmp_path])]
    assert found == ["z.gif", "a/c.tiff", "a/x/3.webp", "b/1.png", "b/2.JPG"]


def test_a_file_named_is_taken_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "photo").touch()
    assert list(find_photos([tmp_path / "photo"])) == [tmp_path / "photo"]


def test_places_without_photos_are_told(tmp_path: Path) -> None:
    with pytest.raises(PhotosError, match=r"There is no .*none, no .*gone\.jpg\. Accepted: photos, or folders"):
        list(find_photos([tmp_path / "none", tmp_path, tmp_path / "gone.jpg"]))
    with pytest.raises(PhotosError, match="holds no photo"):
        list(find_photos([tmp_path]))
