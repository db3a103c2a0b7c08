import hashlib
import json
import os
import select
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from unsteady_server import CONTENT, HALF, QUICK, Server, keras_home_fixture, pin_to, server_fixture
from weight_files import write_keras3, write_older

from as_user import Notes
from tellapart.errors import StorageError, UnknownNameError, WeightsError
from tellapart.weights import recognition, store
from tellapart.weights.pins import Pin, find_pin
from tellapart.weights.store import (
    SET_ASIDE,
    Verdict,
    add,
    fetch,
    keras_cache,
    locate,
    verify,
    weight_store,
    whereabouts,
)

__all__ = ["keras_home_fixture", "server_fixture"]  # pytest finds fixtures among the names of a module
MD5 = hashlib.md5(CONTENT).hexdigest()
ARRAYS = {"conv1": (3, 3, 3, 8), "conv2": (3, 3, 8, 8)}
NUMBERS = 216 + 576
NEVER = pin_to("http://127.0.0.1:1/never")


def files_in(folder: Path) -> dict[str, bytes]:
    """Everything below a folder but locks, which may stay."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }


def put(content: bytes, name: str = "tiny.h5", folder: Path | None = None) -> Path:
    path = (folder or weight_store()) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def offer(monkeypatch: pytest.MonkeyPatch, *offered: Pin) -> None:
    """Let these be the only pins there are."""
    table = {pin.backbone: pin for pin in offered}
    monkeypatch.setattr(store, "pins", lambda: table)
    monkeypatch.setattr(store, "find_pin", lambda name: table[name])
    monkeypatch.setattr(recognition, "pins", lambda: table)


def test_the_store_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_WEIGHTS", str(tmp_path / "elsewhere"))
    assert weight_store() == tmp_path / "elsewhere"
    monkeypatch.delenv("TELLAPART_WEIGHTS")
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    assert weight_store() == tmp_path / "cache" / "weights"


def test_a_file_is_fetched_once(server: Server) -> None:
    pin = pin_to(server.address("/good"))
    path = fetch(pin, Notes(), QUICK)
    assert path == weight_store() / "tiny.h5"
    assert fetch(pin, Notes(), QUICK) == path
    assert len(server.asked) == 1
    assert files_in(weight_store()) == {"tiny.h5": CONTENT}


def test_without_a_pinned_sha256_the_first_one_is_remembered(server: Server) -> None:
    pin = pin_to(server.address("/good"), sha256=None, md5=MD5)
    path = fetch(pin, Notes(), QUICK)
    record = json.loads((weight_store() / "store.json").read_text())
    assert record == {"files": {"tiny.h5": {"sha256": hashlib.sha256(CONTENT).hexdigest(), "md5": MD5}}}
    path.write_bytes(CONTENT[::-1])
    assert locate(pin, notes := Notes()) is None
    assert "changed since it was first met" in notes.lines[0]


def test_a_file_without_any_digest_is_trusted_at_first_use_only() -> None:
    weight_store().mkdir(parents=True)
    pin = replace(NEVER, size=None, sha256=None, parameters=NUMBERS)
    path = write_older(weight_store() / pin.file, ARRAYS)
    assert locate(pin) == path
    write_older(path, ARRAYS, inside="model_weights")
    assert locate(pin, notes := Notes()) is None
    assert str(path) in notes.lines[0]


def test_a_store_that_cannot_be_written_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    path = put(CONTENT)
    monkeypatch.setattr("filelock.FileLock.acquire", read_only)
    assert fetch(replace(NEVER, sha256=None, md5=MD5)) == path
    put(b"wrong")
    assert locate(NEVER, notes := Notes()) is None
    assert "cannot be set aside" in notes.lines[0]
    with pytest.raises(StorageError, match=r"read-only\. Next: .*TELLAPART_WEIGHTS"):
        fetch(NEVER)


@pytest.mark.parametrize("wrong", [b"half a file", CONTENT[::-1]])
def test_a_wrong_file_is_named_set_aside_and_fetched_anew(server: Server, wrong: bytes) -> None:
    path = put(wrong)
    notes = Notes()
    assert fetch(pin_to(server.address("/good")), notes, QUICK) == path
    assert files_in(weight_store()) == {"tiny.h5": CONTENT, f"{SET_ASIDE}/tiny.h5": wrong}
    assert str(path) in notes.lines[0]
    assert "wrong s" in notes.lines[0].lower()


def test_what_was_set_aside_before_is_not_overwritten(server: Server) -> None:
    for content in (b"one", b"two", b"three"):
        put(content)
        fetch(pin_to(server.address("/good")), Notes(), QUICK)
    aside = files_in(weight_store() / SET_ASIDE)
    assert aside == {"tiny.h5": b"one", "tiny.h5.2": b"two", "tiny.h5.3": b"three"}


def test_what_came_and_is_wrong_is_set_aside_and_never_used(server: Server) -> None:
    server.content = CONTENT[::-1]
    pin = pin_to(server.address("/good"))
    with pytest.raises(
        WeightsError, match=r"is not tiny\.h5 \(wrong SHA-256 .*set aside as .*Next: fetch http"
    ) as caught:
        fetch(pin, Notes(), QUICK)
    assert "\n" not in str(caught.value)
    assert files_in(weight_store()) == {f"{SET_ASIDE}/tiny.h5": CONTENT[::-1]}
    server.content = CONTENT
    assert fetch(pin, Notes(), QUICK).read_bytes() == CONTENT


def test_what_came_without_a_pinned_digest_must_have_the_layout(server: Server) -> None:
    pin = pin_to(server.address("/good"), size=None, sha256=None)
    with pytest.raises(WeightsError, match=r"not a complete HDF5 file.*tellapart weights add .* takes it all the same"):
        fetch(pin, Notes(), QUICK)
    assert locate(pin) is None


def test_a_cut_download_is_gone_on_with_by_the_next_command(server: Server) -> None:
    pin = pin_to(server.address("/always_cut"))
    with pytest.raises(WeightsError, match=r"The weights of tiny cannot be fetched \(the connection ended"):
        fetch(pin, Notes(), QUICK)
    assert whereabouts(pin) == ("-", None)
    part = weight_store() / "tiny.h5.part"
    assert part.read_bytes() == CONTENT[:3000]
    note = part.with_name("tiny.h5.part.json")
    note.write_text(note.read_text().replace("always_cut", "good"))
    assert fetch(pin_to(server.address("/good")), Notes(), QUICK).read_bytes() == CONTENT
    assert server.asked[-1] == ("/good", "bytes=3000-")
    assert files_in(weight_store()) == {"tiny.h5": CONTENT}


def test_an_error_says_what_to_type(server: Server) -> None:
    with pytest.raises(WeightsError, match="404 Not Found") as caught:
        fetch(pin_to(server.address("/nothing")), Notes(), QUICK)
    for remedy in ("weights add tiny.h5", "--weights FILE", "--backbone pocket", "HTTPS_PROXY", "TELLAPART_MIRROR"):
        assert remedy in str(caught.value)
    assert server.address("/nothing") in str(caught.value)


def test_a_mirror_is_asked_by_name_and_not_trusted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_MIRROR", server.address("/good/weights/"))
    pin = pin_to("http://127.0.0.1:1/never", file="ti ny.h5")
    assert fetch(pin, Notes(), QUICK).read_bytes() == CONTENT
    assert server.asked == [("/good/weights/ti%20ny.h5", "")]
    with pytest.raises(WeightsError, match="wrong SHA-256"):
        fetch(replace(NEVER, sha256="0" * 64), Notes(), QUICK)
    monkeypatch.setenv("TELLAPART_MIRROR", "/a/folder")
    with pytest.raises(WeightsError, match=r"/a/folder/other\.h5 is no address.*http://.*weights add"):
        fetch(replace(NEVER, file="other.h5"), Notes(), QUICK)


def test_offline_nothing_is_asked_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"are not here, and TELLAPART_OFFLINE is 1\. Next: "):
        fetch(pin_to(server.address("/good")))
    assert server.asked == []


def test_keras_cache_is_read_and_never_written(server: Server, keras_home: Path) -> None:
    right = put(CONTENT, folder=keras_home)
    pin = pin_to(server.address("/good"))
    assert fetch(pin, Notes(), QUICK) == right
    assert whereabouts(pin) == ("Keras cache", right)
    right.write_bytes(CONTENT[::-1])

    def state() -> list[tuple[str, int, bytes]]:
        folders = [keras_home, *sorted(keras_home.rglob("*"))]
        return [(str(path), path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in folders]

    before = state()
    notes = Notes()
    assert fetch(pin, notes, QUICK).parent == weight_store()
    assert verify([], notes)
    assert state() == before
    assert f"{right} is damaged (wrong SHA-256" in notes.lines[0]
    assert "left alone" in notes.lines[0]


def test_the_built_in_one_is_in_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pocket = find_pin("pocket")
    assert whereabouts(pocket)[0] == "built in"
    monkeypatch.setattr(store, "__file__", str(tmp_path / "weights" / "store.py"))
    assert whereabouts(pocket) == ("built in", None)
    assert locate(pocket) is None
    assert verify(["pocket"])[0].said == "not here"
    with pytest.raises(WeightsError, match=r"pocket\.safetensors is missing .*Next: install"):
        fetch(pocket)
    path = put(b"weights", "pocket.safetensors", tmp_path / "models")
    open_pin = replace(pocket, size=None, sha256=None)
    assert fetch(open_pin) == path
    assert whereabouts(open_pin) == ("built in", path)
    assert whereabouts(pocket) == ("built in", None), "its size is not the pinned one"
    offer(monkeypatch, open_pin)
    assert verify([]) == [Verdict("pocket", path, ok=True, said="built in, no digest is pinned")]
    offer(monkeypatch, replace(open_pin, sha256="0" * 64))
    assert verify(["pocket"])[0].said.startswith("wrong SHA-256")
    offer(monkeypatch, replace(open_pin, sha256=hashlib.sha256(b"weights").hexdigest()))
    assert verify(["pocket"])[0] == Verdict("pocket", path, ok=True, said="ok")


def test_at_a_glance_a_file_of_the_wrong_size_is_not_here() -> None:
    put(CONTENT)
    assert whereabouts(NEVER) == ("store", weight_store() / "tiny.h5")
    put(b"cut")
    assert whereabouts(NEVER) == ("-", None)


FETCHING = """
import sys
from unsteady_server import pin_to
from tellapart.weights.store import fetch
class Said:
    def note(self, text): print(text, flush=True)
    from tellapart.progress import Silent
    bar = Silent().bar
print(fetch(pin_to(sys.argv[1]), Said()).stat().st_size, flush=True)
"""


def start(address: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-c", FETCHING, address], stdout=subprocess.PIPE, text=True, env=environment
    )


def test_two_processes_fetch_a_file_once(server: Server) -> None:
    address = server.address("/slow")
    with start(address) as first, start(address) as second:
        assert first.stdout
        assert second.stdout
        # One of the two has the lock and waits for the server, the other says that it waits for the first.
        ready, _, _ = select.select([first.stdout, second.stdout], [], [], 10)
        assert ready[0].readline() == "Another run is busy with tiny.h5; waiting for it.\n"
        server.release.set()
        told = first.stdout.read() + second.stdout.read()
    assert told == f"{len(CONTENT)}\n" * 2
    assert len(server.asked) == 1
    assert files_in(weight_store()) == {"tiny.h5": CONTENT}


def test_a_file_is_added_by_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, NEVER, replace(NEVER, backbone="older", file="older.h5", sha256=None, md5="0" * 32))
    brought = put(CONTENT, "download (1).bin", tmp_path)
    added = add(brought)
    assert (added.pin.backbone, added.path, added.by) == ("tiny", weight_store() / "tiny.h5", "SHA-256")
    assert files_in(weight_store()) == {"tiny.h5": CONTENT}
    assert locate(NEVER) == added.path
    before = added.path.stat().st_mtime_ns
    add(added.path)
    assert added.path.stat().st_mtime_ns == before


def test_a_file_is_added_by_its_layout_where_no_digest_is_pinned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = replace(NEVER, sha256=None, parameters=NUMBERS)
    offer(monkeypatch, pin)
    brought = write_older(tmp_path / "mine.h5", ARRAYS)
    added = add(brought)
    assert added.by == "layout"
    assert locate(pin) == added.path
    assert whereabouts(pin)[0] == "store"
    other = write_keras3(tmp_path / "other.weights.h5", {"conv": (NUMBERS - 1,)})
    notes = Notes()
    add(other, notes)
    assert locate(pin) == added.path
    assert added.path.read_bytes() == other.read_bytes()
    assert files_in(weight_store() / SET_ASIDE) == {"tiny.h5": brought.read_bytes()}
    assert "another file was added" in notes.lines[0]


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, NEVER)
    brought = put(CONTENT, folder=tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(StorageError, match=r"disk is full\..*Next: .*TELLAPART_WEIGHTS"):
        add(brought)
    assert files_in(weight_store()) == {}


def test_every_file_is_verified(keras_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [replace(NEVER, backbone=name, file=f"{name}.h5") for name in ("cut", "absent", "changed")]
    offer(monkeypatch, NEVER, *others)
    put(CONTENT)
    put(CONTENT[:HALF], "cut.h5")
    changed = put(CONTENT[::-1], "changed.h5", keras_home)
    found = {verdict.backbone: verdict for verdict in verify([])}
    assert set(found) == {"tiny", "cut", "changed"}
    assert found["tiny"].ok
    assert found["tiny"].said == "ok"
    assert not found["cut"].ok
    assert found["cut"].said.startswith("wrong size: 512,000 bytes, not 1,024,000; set aside in ")
    assert found["changed"].said.startswith("wrong SHA-256")
    assert found["changed"].said.endswith("left where it is")
    assert changed.parent == keras_cache()
    assert files_in(weight_store()) == {"tiny.h5": CONTENT, f"{SET_ASIDE}/cut.h5": CONTENT[:HALF]}
    assert [verdict.said for verdict in verify(["absent", "tiny", "tiny"])] == ["not here", "ok"]


def test_an_unknown_name_cannot_be_verified() -> None:
    with pytest.raises(UnknownNameError, match="vgg16"):
        verify(["vgg"])
