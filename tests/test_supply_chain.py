"""What Tellapart is made of, and that it speaks to nobody: locks, and a whole small run under a guard."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ladder_set import draw_shapes
from network_guard import guarded
from tellapart.weights.pins import find_pin

REPOSITORY = Path(__file__).parent.parent
TOML = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = TOML["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKS = {
    "base.lock": PROJECT["dependencies"],
    "dev.lock": [*PROJECT["dependencies"], *EXTRAS["train"], *EXTRAS["dev"], *TOML["build-system"]["requires"]],
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


def test_what_runs_is_developed_with_the_same_versions() -> None:
    """Where this fails: make lock, which makes the smaller lock from the larger one."""
    base, dev = ({str(package): digests for package, digests in locked(lock)} for lock in LOCKS)
    assert base.items() <= dev.items()


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
    """A run folder, made by processes that may connect to nothing, and that are not told to stay offline.

    Beside it: the home folder that they had, and where there is strace `system calls`, those to the network.
    """
    place = tmp_path_factory.mktemp("guarded")
    home = place / "home"
    home.mkdir()
    environment, log = guarded(place / "guard", TELLAPART_CACHE=str(place / "cache"), HOME=str(home))
    # Libraries keep silent where they see tests; as a user has them, they need not.
    seen = ("CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST", "PYTEST_VERSION", "XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY")
    environment = {name: value for name, value in environment.items() if name not in seen}
    what = ["--recipes", "majority,linear,baseline", "--backbone", "pocket", "--epochs", "1", "--image-size", "32"]
    trace = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=%network", "-o", str(place / "system calls")]
    tellapart(environment, "fit", photos, "--out", place / "run", *what, within=trace if shutil.which("strace") else ())
    assert not log.exists(), log.read_text()
    return place / "run"


@pytest.mark.slow
def test_compiled_libraries_reach_for_nothing_either(fitted: Path) -> None:
    """ONNX Runtime 1.32 looked up its makers' server here, as soon as it was loaded."""
    if not (fitted.parent / "system calls").exists():
        pytest.skip("there is no strace to see it with")
    calls = (fitted.parent / "system calls").read_text().splitlines()
    assert any("bind" in call or "socket" in call for call in calls), "strace saw nothing at all"
    assert not [call for call in calls if re.search(r"(connect|send\w+)\(.*AF_INET", call)]


@pytest.mark.slow
def test_nothing_is_kept_in_the_home_folder_to_be_sent_later(fitted: Path) -> None:
    """ONNX Runtime keeps a device's number and what it has not sent yet in a folder called Microsoft."""
    kept = [path for path in (fitted.parent / "home").rglob("*") if "microsoft" in str(path).lower()]
    assert not kept


@pytest.mark.slow
def test_fit_predict_and_report_reach_for_nothing(tmp_path: Path, photos: Path, fitted: Path) -> None:
    environment, log = guarded(tmp_path / "guard", TELLAPART_CACHE=str(tmp_path / "cache"))
    told = tellapart(environment, "predict", fitted, photos, "--json")
    assert len(told.splitlines()) == 24
    page = fitted / "report.html"
    page.unlink()
    tellapart(environment, "report", fitted)
    assert page.is_file()
    assert not log.exists(), log.read_text()


@pytest.mark.slow
def test_a_server_reaches_for_no_other_machine(tmp_path: Path, fitted: Path, photos: Path) -> None:
    environment, log = guarded(tmp_path / "guard", loopback=True)
    answers = served(environment, fitted, next(photos.rglob("*.png")))
    assert answers[0]["predicted"] in {"disc", "frame", "stripes"}
    assert not log.exists(), log.read_text()


def test_weights_that_are_asked_for_are_looked_for_where_they_were_published_alone(tmp_path: Path) -> None:
    """The same guard around the same program: what the tests above would see if it reached for anything."""
    environment, log = guarded(
        tmp_path / "guard",
        TELLAPART_WEIGHTS="",
        TELLAPART_MIRROR="",
        TELLAPART_CACHE=str(tmp_path / "cache"),
        KERAS_HOME=str(tmp_path / "keras"),
    )
    command = [sys.executable, "-m", "tellapart.cli", "weights", "pull", "vgg16"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert "weights add" in done.stderr
    host = urlsplit(find_pin("vgg16").address).hostname
    (reached,) = log.read_text().splitlines()
    assert reached == f"socket.getaddrinfo {host!r}"


def tellapart(environment: dict[str, str], *words: object, within: Sequence[str] = ()) -> str:
    command = [*within, sys.executable, "-m", "tellapart.cli", *map(str, words)]
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


@pytest.mark.parametrize("loopback", [False, True])
def test_the_guard_sees_what_it_is_there_for(tmp_path: Path, loopback: bool) -> None:
    environment, log = guarded(tmp_path, loopback=loopback)
    away = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    name = "import socket; socket.gethostbyname('a.test')"
    child = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {away!r}]))"
    for number, script in enumerate((away, name, child), 1):
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
        assert done.returncode == 1
        assert len(log.read_text().splitlines()) == number


def test_the_guard_tells_this_machine_from_others_only_where_it_is_asked_to(tmp_path: Path) -> None:
    here = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
    pair = "import socket; one, other = socket.socketpair(); one.send(b'a')"
    for loopback, script, status in ((True, here, 0), (False, here, 1), (True, pair, 0), (False, pair, 0)):
        environment, log = guarded(tmp_path / f"{loopback} {script == here}", loopback=loopback)
        done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
        assert (done.returncode, log.exists()) == (status, bool(status))


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
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "")  # so that it is as before after this test
    monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY")
    monkeypatch.setitem(sys.modules, "keras_hub", sys)
    import_keras_hub("any")
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"  # for processes that are started, and set before it is loaded:
    code = "import sys, tellapart; assert 'onnxruntime' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert mlflow._SWITCHES["MLFLOW_DISABLE_TELEMETRY"] == "true"
