import hashlib
from pathlib import Path

import pytest
from unsteady_server import CONTENT, pin_to
from weight_files import write_older

from tellapart.errors import WeightsError
from tellapart.weights.integrity import RECORD, Seen, digest, fault, remember, seen_before
from tellapart.weights.pins import Pin

SHA256, MD5 = hashlib.sha256(CONTENT).hexdigest(), hashlib.md5(CONTENT).hexdigest()
OTHER = "0" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "tiny.h5").write_bytes(CONTENT)
    return tmp_path / "tiny.h5"


def pin(**changes: object) -> Pin:
    return pin_to("http://host/tiny.h5", **changes)


def test_digests(path: Path) -> None:
    assert (digest(path), digest(path, "md5")) == (SHA256, MD5)


def test_the_pinned_file_has_no_fault(path: Path) -> None:
    assert fault(path, pin(), None) == ""
    assert fault(path, pin(sha256=SHA256.upper()), None) == ""
    assert fault(path, pin(sha256=None, md5=MD5), None) == ""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"size": 5}, "wrong size: 1,024,000 bytes, not 5"),
        ({"sha256": OTHER}, f"wrong SHA-256 {SHA256}, not {OTHER}"),
        ({"sha256": None, "md5": "0" * 32}, f"wrong MD5 {MD5}, not {'0' * 32}"),
        ({"sha256": None}, "not a complete HDF5 file"),
        ({"sha256": OTHER, "md5": "0" * 32}, f"wrong SHA-256 {SHA256}, not {OTHER}"),
    ],
)
def test_a_wrong_file_is_told(path: Path, changes: dict[str, object], told: str) -> None:
    assert fault(path, pin(**changes), None) == told


def test_the_md5_that_keras_pins_has_the_last_word(path: Path) -> None:
    assert fault(path, pin(sha256=OTHER, md5=MD5), None) == ""


def test_without_a_pinned_digest_the_layout_must_fit(tmp_path: Path) -> None:
    path = write_older(tmp_path / "tiny.h5", {"conv": (3, 3, 3, 8)})
    assert fault(path, pin(size=None, sha256=None, parameters=216), None) == ""
    told = fault(path, pin(size=None, sha256=None, parameters=217), None)
    assert told == "wrong layout: 216 numbers, not 217"


def test_a_change_is_caught_where_no_sha256_is_pinned(path: Path) -> None:
    for changes in ({"sha256": None}, {"sha256": None, "md5": MD5}):
        seen = Seen(SHA256, changes.get("md5"))
        assert fault(path, pin(**changes), seen) == ""
        assert fault(path, pin(**changes), Seen(OTHER, seen.md5)).startswith("changed since it was first met")


def test_a_newer_pin_is_checked_whatever_is_remembered(path: Path) -> None:
    assert fault(path, pin(sha256=None, md5="0" * 32), Seen(SHA256, MD5)).startswith("wrong MD5")


def test_what_was_seen_is_remembered(tmp_path: Path) -> None:
    pinned = pin(sha256=None, md5=MD5)
    assert seen_before(tmp_path, pinned) is None
    remember(tmp_path, pinned, SHA256)
    remember(tmp_path, pin(file="other.h5"), OTHER)
    assert seen_before(tmp_path, pinned) == Seen(SHA256, MD5)
    before = (tmp_path / RECORD).stat().st_mtime_ns
    remember(tmp_path, pinned, SHA256)
    assert (tmp_path / RECORD).stat().st_mtime_ns == before, "written without need"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files": {"a": {"sha": 1}}}', '{"files": []}', "\x00"])
def test_a_damaged_record_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).write_text(text)
    with pytest.raises(WeightsError, match=r"store\.json is damaged .*\. Next: move it away"):
        seen_before(tmp_path, pin())
