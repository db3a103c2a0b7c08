import os
from pathlib import Path

import pytest

from tellapart.errors import PhotosError
from tellapart.photos.listing import Listed, Listing, list_photos

NAMES = ["A.JPG", "b c.jpeg", "стол.Png", "椅子.webp", "😀.gif", "deep/deeper/x.bmp", "no suffix", "é.tif"]


def touch(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def told(listing: Listing) -> dict[str, str]:
    return {left_out.path: left_out.reason for left_out in listing.skipped}


@pytest.mark.parametrize("label", ["chair", "Chair & Co", "椅子", "🪑", "50 %"])
def test_class_folders_with_names_of_any_kind(tmp_path: Path, label: str) -> None:
    touch(tmp_path, *(f"{label}/{name}" for name in NAMES), "other/1.jpg")
    listing = list_photos(tmp_path)
    assert listing.root == tmp_path
    assert {item.path for item in listing.listed if item.label == label} == {f"{label}/{name}" for name in NAMES}
    assert {item.part for item in listing.listed} == {""}
    assert not listing.skipped


def test_what_is_skipped_is_listed(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "chair/1.jpg",
        "chair/.hidden.jpg",
        "chair/.ipynb_checkpoints/1-checkpoint.jpg",
        "chair/Thumbs.db",
        "chair/desktop.ini",
        "chair/._1.jpg",
        "__MACOSX/chair/1.jpg",
        "loose.jpg",
        ".DS_Store",
        "table/2.jpg",
    )
    listing = list_photos(tmp_path)
    assert [item.path for item in listing.listed] == ["chair/1.jpg", "table/2.jpg"]
    assert told(listing) == {
        "chair/.hidden.jpg": "a hidden file",
        "chair/.ipynb_checkpoints": "a hidden folder",
        "chair/Thumbs.db": "not a photo",
        "chair/desktop.ini": "not a photo",
        "chair/._1.jpg": "a hidden file",
        "__MACOSX": "a hidden folder",
        "loose.jpg": "not in a class folder",
        ".DS_Store": "a hidden file",
    }


def test_a_link_to_a_folder_is_listed_and_not_followed(tmp_path: Path) -> None:
    touch(tmp_path, "chair/1.jpg", "table/2.jpg")
    (tmp_path / "chair" / "again").symlink_to(tmp_path)
    listing = list_photos(tmp_path)
    assert len(listing.listed) == 2
    assert "link" in told(listing)["chair/again"]


def test_a_name_that_is_not_utf8_can_be_told(tmp_path: Path) -> None:
    touch(tmp_path, "chair/1.jpg", "table/2.jpg")
    try:
        (tmp_path / os.fsdecode(b"loose\xff.jpg")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert all(path.encode("utf-8") for path in told(list_photos(tmp_path)))


def test_a_folder_that_may_not_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "chair/1.jpg", "table/2.jpg")
    scandir = os.scandir

    def refuse(place: str) -> object:
        if str(place).endswith("table"):
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PhotosError, match=r"table cannot be read: permission denied\."):
        list_photos(tmp_path)


def test_order_is_fixed(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.jpg", "a/2.jpg", "b/1.jpg", "a/1.jpg")
    assert [item.path for item in list_photos(tmp_path).listed] == ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"]


@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_table(tmp_path: Path, bom: str) -> None:
    table = write(tmp_path / "photos.CSV", f'{bom}path,label\na.jpg, chair\n"sub/b, c.jpg",table\n😀.png,chair\n')
    assert list_photos(table) == Listing(
        tmp_path, (Listed("a.jpg", "chair"), Listed("sub/b, c.jpg", "table"), Listed("😀.png", "chair")), ()
    )


def test_table_with_parts_and_further_columns(tmp_path: Path) -> None:
    table = write(
        tmp_path / "t.csv",
        "label,who,path,part\nchair,x,a.jpg,train\nchair,x,b.jpg,Validation\ntable,x,c.jpg,TEST\ntable,x,d.jpg,\n",
    )
    assert [item.part for item in list_photos(table).listed] == ["train", "valid", "test", ""]


def test_groups_of_a_table_and_of_metadata(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", "path,label,group\na.jpg,chair, patient 7 \nb.jpg,chair,\nc.jpg,table,8\n")
    assert [item.group for item in list_photos(table).listed] == ["patient 7", "", "8"]
    write(tmp_path / "set/train/metadata.csv", "file_name,label,group\n1.jpg,chair,x\n2.jpg,table,y\n")
    assert [(item.part, item.group) for item in list_photos(tmp_path / "set").listed] == [
        ("train", "x"),
        ("train", "y"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na.jpg,chair\n", "no column path.*it has: file, label"),
        ("path,class\na.jpg,chair\n", "no column label"),
        ("path,label\n", "no rows"),
        ("", "no rows"),
        ("path,label\na.jpg,chair\n,table\n", "line 3: an empty cell"),
        ("path,label\na.jpg, \n", "line 2: an empty cell"),
        ("path,label\na.jpg\n", "line 2: an empty cell"),
        ("path,label,part\na.jpg,chair,holdout\n", "line 2: part 'holdout'. Accepted: train, valid, test"),
        ("path,label\n" + "a" * 200_000 + ",chair\n", "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(PhotosError, match=message):
        list_photos(write(tmp_path / "t.csv", text))


def test_a_table_that_is_not_text(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_bytes(b"path,label\n\xff\xfe\x00,chair\n")
    with pytest.raises(PhotosError, match="UTF-8"):
        list_photos(table)


def test_image_folder_by_folders(tmp_path: Path) -> None:
    touch(tmp_path, "train/chair/1.jpg", "train/table/x/2.jpg", "Test/chair/3.jpg", "val/table/4.jpg")
    touch(tmp_path, "README.md", ".gitattributes", "train/loose.jpg", "__MACOSX/x.jpg")
    listing = list_photos(tmp_path)
    assert set(listing.listed) == {
        Listed("train/chair/1.jpg", "chair", "train"),
        Listed("train/table/x/2.jpg", "table", "train"),
        Listed("Test/chair/3.jpg", "chair", "test"),
        Listed("val/table/4.jpg", "table", "valid"),
    }
    assert set(told(listing)) == {"README.md", ".gitattributes", "train/loose.jpg", "__MACOSX"}


def test_a_class_called_train_is_a_class(tmp_path: Path) -> None:
    touch(tmp_path, "train/1.jpg", "bus/2.jpg")
    assert {item.label for item in list_photos(tmp_path).listed} == {"train", "bus"}


def test_image_folder_with_one_metadata_table(tmp_path: Path) -> None:
    write(tmp_path / "metadata.csv", "file_name,label\ntrain/1.jpg,chair\ntest/2.jpg,table\n")
    assert list_photos(tmp_path).listed == (
        Listed("train/1.jpg", "chair", "train"),
        Listed("test/2.jpg", "table", "test"),
    )


def test_image_folder_with_a_metadata_table_in_each_part(tmp_path: Path) -> None:
    write(tmp_path / "train/metadata.csv", "file_name,label\n1.jpg,chair\nsub/2.jpg,table\n")
    write(tmp_path / "test/metadata.csv", "file_name,label\n1.jpg,chair\n")
    assert set(list_photos(tmp_path).listed) == {
        Listed("train/1.jpg", "chair", "train"),
        Listed("train/sub/2.jpg", "table", "train"),
        Listed("test/1.jpg", "chair", "test"),
    }


def test_metadata_without_parts(tmp_path: Path) -> None:
    write(tmp_path / "metadata.csv", "file_name,label\n1.jpg,chair\n2.jpg,table\n")
    assert [item.part for item in list_photos(tmp_path).listed] == ["", ""]


def test_metadata_without_labels_says_so(tmp_path: Path) -> None:
    write(tmp_path / "metadata.csv", "file_name,text\n1.jpg,a chair\n")
    with pytest.raises(PhotosError, match="no column label"):
        list_photos(tmp_path)


def test_missing_empty_loose_and_file(tmp_path: Path) -> None:
    with pytest.raises(PhotosError, match="There is no folder"):
        list_photos(tmp_path / "none")
    with pytest.raises(PhotosError, match="holds no files"):
        list_photos(tmp_path)
    touch(tmp_path, "1.jpg", "2.jpg")
    with pytest.raises(PhotosError, match="2 files and no sub-folder"):
        list_photos(tmp_path)
    with pytest.raises(PhotosError, match=r"is a file.*name the folder above it"):
        list_photos(tmp_path / "1.jpg")
