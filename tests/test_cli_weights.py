"""`tellapart weights` as a user meets it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from as_user import run
from tellapart import cli_weights
from tellapart.errors import StorageError, WeightsError
from tellapart.weights import store
from tellapart.weights.pins import Pin, pins
from tellapart.weights.store import weight_store

VGG16 = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"


@pytest.fixture(autouse=True)
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keras' own cache, empty; no network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TELLAPART_OFFLINE", "1")
    return tmp_path / "keras" / "models"


def in_a_process(*words: str) -> tuple[str, float]:
    start = time.monotonic()
    command = [sys.executable, "-X", "importtime", "-m", "tellapart.cli", *words]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return result.stderr, time.monotonic() - start


@pytest.mark.parametrize("words", [("weights", "--help"), ("weights", "list"), ("weights", "path")])
def test_it_is_quick_and_imports_no_framework(words: tuple[str, ...]) -> None:
    imported, seconds = in_a_process(*words)
    for heavy in ("keras", "tensorflow", "numpy", "h5py", "onnx"):
        assert f" {heavy}\n" not in imported
    assert seconds < 3  # 0.3 on a machine that does nothing else


def test_the_list_has_a_line_for_every_backbone(capsys: pytest.CaptureFixture[str], keras_home: Path) -> None:
    keras_home.mkdir(parents=True)
    (keras_home / VGG16).touch()
    os.truncate(keras_home / VGG16, 58_889_256)
    status, out, err = run(capsys, "weights", "list")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert len(lines) == 1 + len(pins())
    assert lines[0].split() == ["name", "parameters", "MB", "input", "top-1", "licence", "here?", "source"]
    rows = {line.split()[0]: line for line in lines[1:]}
    assert "built in" in rows["pocket"]
    assert rows["vgg16"].split()[1:5] == ["14,714,688", "58.9", "224", "0.713"]
    assert "Keras cache" in rows["vgg16"]
    assert rows["vgg19"].split()[6] == "-"


def test_a_narrow_terminal_leaves_the_last_column_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "dumb", "COLUMNS": "80", "TTY_COMPATIBLE": "1"}.items():
        monkeypatch.setenv(name, value)
    status, out, err = run(capsys, "weights", "list")
    assert status == 0
    assert "source" not in out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert len(out.splitlines()) == 1 + len(pins())
    assert "--json" in err


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "weights", "list", "--json")
    assert status == 0
    rows = {row["name"]: row for row in json.loads(out)}
    assert set(rows) == set(pins())
    assert rows["vgg16"]["file"] == VGG16
    assert rows["vgg16"]["here"] == "-"
    assert rows["vgg16"]["path"] is None
    assert {"address", "bytes", "sha256", "md5", "licence", "source", "top1", "top5"} <= set(rows["vgg16"])


def test_the_store_and_a_file_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "weights", "path") == (0, f"{weight_store()}\n", "")
    status, out, err = run(capsys, "weights", "path", "vgg16")
    assert (status, out) == (2, "")
    assert err == "tellapart: The weights of vgg16 are not here. Next: tellapart weights pull vgg16\n"


@pytest.mark.parametrize("words", [("pull", "vgg61"), ("verify", "vgg61"), ("path", "vgg61"), ("pull", "all")])
def test_an_unknown_name_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    status, out, err = run(capsys, "weights", *words)
    assert (status, out) == (2, "")
    assert f"No backbone is called '{words[1]}'" in err
    assert len(err.splitlines()) == 1


def test_a_pull_that_fails_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "weights", "pull", "vgg16")
    assert (status, out) == (2, "")
    assert "TELLAPART_OFFLINE is 1. Next: " in err
    assert len(err.splitlines()) == 1


def test_offline_can_be_asked_for(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_OFFLINE", "0")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    status, _, err = run(capsys, "weights", "pull", "vgg16", "--offline")
    assert status == 2
    assert "TELLAPART_OFFLINE is 1" in err


def test_several_are_pulled_and_failures_named_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fetch(pin: Pin, _: object) -> Path:
        if pin.backbone == "vgg19":
            raise WeightsError("no way to vgg19")
        return tmp_path / pin.backbone

    monkeypatch.setattr(store, "fetch", fetch)
    status, out, err = run(capsys, "weights", "pull", "vgg16", "vgg19", "mobilenet", "vgg16")
    assert status == 2
    assert out.splitlines() == [str(tmp_path / "vgg16"), str(tmp_path / "mobilenet")]
    assert err.splitlines()[0] == "no way to vgg19"
    assert err.splitlines()[1].endswith("1 of 3 could not be fetched: vgg19. Next: tellapart weights pull vgg19")
    assert run(capsys, "weights", "pull", "mobilenet") == (0, f"{tmp_path / 'mobilenet'}\n", "")


def test_ctrl_c_says_that_the_same_command_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "fetch", fetch)
    status, out, err = run(capsys, "weights", "pull", "vgg16")
    assert (status, out) == (130, "")
    assert "the same command goes on" in err
    assert "--resume" not in err


def test_a_full_disk_ends_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*_: object) -> Path:
        raise StorageError("The disk is full.")

    monkeypatch.setattr(store, "fetch", fetch)
    status, _, err = run(capsys, "weights", "pull", "vgg16", "vgg19")
    assert status == 2
    assert err == "tellapart: The disk is full.\n", "tried again with the next file"


def test_a_file_that_is_no_weights_file_is_not_added(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("text")
    status, out, err = run(capsys, "weights", "add", tmp_path / "text.h5")
    assert (status, out) == (2, "")
    assert "not a complete HDF5 file" in err
    assert len(err.splitlines()) == 1


def test_a_file_is_added_and_verified(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib
    from dataclasses import replace

    from tellapart.weights import recognition

    content = b"weights" * 1000
    pin = replace(pins()["vgg16"], size=len(content), sha256=None, md5=hashlib.md5(content).hexdigest())
    for module in (store, recognition):
        monkeypatch.setattr(module, "pins", lambda: {"vgg16": pin})
    for module in (store, cli_weights):
        monkeypatch.setattr(module, "find_pin", lambda _: pin)
    (tmp_path / "brought.h5").write_bytes(content)
    status, out, err = run(capsys, "weights", "add", tmp_path / "brought.h5")
    assert (status, err) == (0, "")
    assert out == f"vgg16: recognised by its MD5, now {weight_store() / VGG16}\n"
    assert run(capsys, "weights", "path", "vgg16") == (0, f"{weight_store() / VGG16}\n", "")
    assert run(capsys, "weights", "verify") == (0, f"vgg16: ok ({weight_store() / VGG16})\n", "")
    (weight_store() / VGG16).write_bytes(b"cut")
    status, out, err = run(capsys, "weights", "verify", "--json")
    assert status == 2
    assert json.loads(out)[0]["ok"] is False
    assert "set aside" in json.loads(out)[0]["said"]
    assert "1 of 1 cannot be used: vgg16. Next: tellapart weights pull vgg16" in err
    status, out, err = run(capsys, "weights", "verify")
    assert (status, out) == (0, "")
    assert "No weights are in" in err
    status, out, _ = run(capsys, "weights", "verify", "vgg16")
    assert status == 2
    assert "not here" in out
