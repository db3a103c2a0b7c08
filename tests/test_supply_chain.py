"""What Tellapart is made of, and that it speaks to nobody: locks, and a whole small run under a guard."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ladder_set import draw_shapes
from network_guard import guarded

REPOSITORY = Path(__file__).parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKS = {
    "base.lock": PROJECT["dependencies"],
    "dev.lock": [*PROJECT["dependencies"], *EXTRAS["train"], *EXTRAS["dev"]],
}


def text_of(lock: str) -> str:
    return (REPOSITORY / "requirements" / lock).read_text(encoding="utf-8")


def locked(lock: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Each package of a lock, and its digests."""
    for entry in text_of(lock).replace("\\\n", " ").splitlines():
        words = entry.split("--hash=")
        yield Requirement(words[0].strip()), [word.strip() for word in words[1:]]


@pytest.mark.parametrize("lock", LOCKS)
def test_each_package_has_one_version_and_its_digests(lock: str) -> None:
    entries = list(locked(lock))
    assert len(entries) > 40
    for package, digests in entries:
        assert [clause.operator for clause in package.specifier] == ["=="], package
        assert digests, package
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in digests), package


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_place(lock: str) -> None:
    assert not re.search(r"https?:|file:|--index|--find|--extra|\.\./|^/|@ ", text_of(lock), re.MULTILINE)


@pytest.mark.parametrize("lock", LOCKS)
def test_what_is_locked_is_what_is_asked_for(lock: str) -> None:
    """Where this fails, a bound was changed: make lock."""
    versions: dict[str, list[str]] = {}
    for package, _ in locked(lock):
        (clause,) = package.specifier
        versions.setdefault(canonicalize_name(package.name), []).append(clause.version)
    for text in LOCKS[lock]:
        asked = Requirement(text)
        found = versions[canonicalize_name(asked.name)]
        assert all(asked.specifier.contains(version) for version in found), f"{text}: {found}"


def test_tools_that_speak_to_their_makers_are_not_among_them() -> None:
    """A package that is new in the lock and sends figures home gets its switch, or is not taken."""
    names = {canonicalize_name(package.name) for package, _ in locked("base.lock")}
    assert not names & {"posthog", "sentry-sdk", "scarf", "analytics-python", "segment-analytics-python", "mixpanel"}
    assert not {name for name in names if "telemetry" in name} - {"opentelemetry-api"}  # the API alone sends nothing


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_shapes(tmp_path_factory.mktemp("shapes"), per_class=8)


@pytest.fixture(scope="module")
def fitted(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder, made by processes under guard that are not told to stay offline."""
    place = tmp_path_factory.mktemp("guarded")
    environment, log = guarded(place / "guard", {**os.environ, "TELLAPART_CACHE": str(place / "cache")})
    what = ["--recipes", "baseline,linear", "--backbone", "pocket", "--epochs", "1", "--image-size", "32"]
    tellapart(environment, "fit", photos, "--out", place / "run", *what)
    assert not log.exists(), log.read_text()
    return place / "run"


@pytest.mark.slow
@pytest.mark.parametrize("offline", ["", "1"])
def test_a_whole_run_reaches_for_no_network(tmp_path: Path, photos: Path, fitted: Path, offline: str) -> None:
    environment, log = guarded(tmp_path / "guard", {**os.environ, "TELLAPART_OFFLINE": offline})
    told = tellapart(environment, "predict", fitted, photos, "--json")
    assert len(told.splitlines()) == 24
    answers = served(environment, fitted, next(photos.rglob("*.png")))
    assert answers[0]["predicted"] in {"disc", "frame", "stripes"}
    assert not log.exists(), log.read_text()


def tellapart(environment: dict[str, str], *words: object) -> str:
    command = [sys.executable, "-m", "tellapart.cli", *map(str, words)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    return result.stdout


def served(environment: dict[str, str], run: Path, photo: Path) -> Any:
    """What a server in a guarded process answers."""
    command = [sys.executable, "-m", "tellapart.cli", "serve", str(run), "--port", "0"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            address = address_of(server)
            request = Request(f"{address}/predict", photo.read_bytes(), {"Content-Type": "image/png"})
            with urlopen(request, timeout=60) as response:
                return json.loads(response.read())["answers"]
        finally:
            server.terminate()
            server.communicate(timeout=60)


def address_of(server: "subprocess.Popen[str]") -> str:
    """Where it says that it listens."""
    for stream in (server.stderr, server.stdout):
        assert stream is not None
        for line in stream:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                return found[0]
    raise AssertionError("the server said no address")


def test_the_guard_sees_what_it_is_there_for(tmp_path: Path) -> None:
    environment, log = guarded(tmp_path)
    for script in (
        "import socket; socket.create_connection(('192.0.2.1', 80), 1)",
        "import socket; socket.gethostbyname('a.test')",
    ):
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
        assert done.returncode == 1
    assert len(log.read_text().splitlines()) == 2
    here = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
    assert subprocess.run([sys.executable, "-c", here], env=environment, check=False).returncode == 0


def test_engines_and_clients_are_told_to_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    from served_model import served_content
    from tellapart.models.forward import Forward
    from tellapart.models.hub_presets import import_keras_hub
    from tellapart.tracking import mlflow

    silenced = []
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: silenced.append(True))
    Forward(served_content())
    assert silenced
    monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setitem(sys.modules, "keras_hub", sys)
    import_keras_hub("any")
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert mlflow._SWITCHES["MLFLOW_DISABLE_TELEMETRY"] == "true"
