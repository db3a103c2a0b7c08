"""Files that travel: the same bytes, names that stay inside, unpacked once a machine."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from tellapart.errors import StorageError
from tellapart.scale.parcel import pack, parts, stays_inside, unpacked

FILES: list[tuple[str, Path | bytes]] = [("b/ä.txt", b"one"), ("a", b""), ("not \udcff UTF-8", b"three")]


def test_what_is_packed_comes_out_again_in_its_order(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"from disk")
    content = pack([*FILES, ("c", file)])
    assert list(parts(content)) == [*FILES, ("c", b"from disk")]
    time.sleep(2.1)  # an archive tells times in steps of two seconds
    assert pack([*FILES, ("c", file)]) == content


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../../b", "."])
def test_names_that_lead_outside_are_refused(name: str) -> None:
    assert not stays_inside(name)
    with pytest.raises(StorageError, match="names inside its folder"):
        list(parts(pack([(name, b"")])))


@pytest.mark.parametrize("content", [b"", b"no archive", pack(FILES)[:-30]])
def test_what_is_damaged_is_told(content: bytes) -> None:
    with pytest.raises(StorageError, match="damaged"):
        list(parts(content))


def test_a_machine_unpacks_it_once_and_forgets_old_ones(tmp_path: Path) -> None:
    content, asked = pack(FILES), 0

    def shared() -> bytes:
        nonlocal asked
        asked += 1
        return content

    digest = hashlib.sha256(content).hexdigest()
    folder = unpacked(digest, shared, tmp_path / "parcels")
    assert unpacked(digest, shared, tmp_path / "parcels") == folder
    assert asked == 1
    assert (folder / "b" / "ä.txt").read_bytes() == b"one"
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 3
    os.utime(folder, (0, 0))
    unpacked("another" + digest, shared, tmp_path / "parcels")
    assert asked == 2
    assert not folder.exists()
