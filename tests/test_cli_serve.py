import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from as_user import run
from served_model import CLASSES, photo_bytes, served_content
from tellapart.cli_serve import name_of, settle_token
from tellapart.errors import OptionError


def test_other_machines_need_a_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.onnx").write_bytes(served_content())
    for host in ("0.0.0.0", "::", "192.0.2.1", "machine.example"):
        status, out, err = run(capsys, "serve", tmp_path, "--host", host)
        assert (status, out) == (2, "")
        assert err.count("\n") == 1
        assert "Next: --token auto" in err


@pytest.mark.parametrize("token", ["", "short", "with a space in it", "ümlaut-is-not-plain", "x" * 300])
def test_a_token_must_be_hard_to_guess(token: str) -> None:
    with pytest.raises(OptionError, match="too easy"):
        settle_token("127.0.0.1", token)


def test_tokens_are_made_on_request_each_another() -> None:
    made = {settle_token("0.0.0.0", "auto") for _ in range(3)}
    assert len(made) == 3
    assert all(token and re.fullmatch(r"[\w-]{32}", token) for token in made)
    assert settle_token("127.0.0.1", None) is None
    assert settle_token("0.0.0.0", "correct-horse-battery") == "correct-horse-battery"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("runs/first/model.onnx", "first"),
        ("runs/chairs.onnx", "chairs"),
        ("a/my shop/model.onnx", "my-shop"),
        ("/", "model"),
    ],
)
def test_a_model_is_called_by_its_run(model: str, name: str) -> None:
    assert name_of(Path(model)) == name


def test_a_taken_port_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.onnx").write_bytes(served_content())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, _, err = run(capsys, "serve", tmp_path, "--port", taken.getsockname()[1])
    assert status == 2
    assert "port" in err
    assert err.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_stopped(tmp_path: Path, stop: signal.Signals) -> None:
    (tmp_path / "shop.onnx").write_bytes(served_content())
    words = [
        sys.executable,
        "-m",
        "tellapart.cli",
        "serve",
        "shop.onnx",
        "--port",
        "0",
        "--token",
        "auto",
        "--workers",
        "1",
    ]
    # A module of that name where the server is started must not be what its workers load.
    (tmp_path / "PIL.py").write_text("raise SystemExit('this is not Pillow')", encoding="utf-8")
    words.insert(1, "-P")
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.fullmatch(r"Serving shop at (http://127\.0\.0\.1:\d+/)#token=(\S+) \(Ctrl-C ends it\)\n", line)
        assert found, line
        address, token = found.groups()
        asked = {"Content-Type": "image/png", "Authorization": f"Bearer {token}"}
        answer = httpx.post(f"{address}predict", content=photo_bytes(), headers=asked)
        assert answer.json()["answers"][0]["predicted"] == CLASSES[0]
        assert answer.headers["content-security-policy"]
        assert "server" not in answer.headers
        process.send_signal(stop)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err == "Stopped; what was let in is answered.\n"
