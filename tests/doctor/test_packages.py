import platform
import re
import sys
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from scopes import only, scope_of, states

from tellapart.doctor import packages
from tellapart.doctor.packages import (
    EXTRAS,
    PARTS,
    Need,
    check_imports,
    check_packages,
    check_python,
    needs,
    version_of,
)

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def name_of(requirement: str) -> str:
    match = re.match(r"[\w-]+", requirement)
    assert match
    return match[0]


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets a test say what Tellapart needs, and which versions are here."""

    def say(wanted: list[Need], **versions: str) -> None:
        told = {name.replace("_", "-"): version for name, version in versions.items()}
        monkeypatch.setattr(packages, "needs", lambda: wanted)
        monkeypatch.setattr(packages, "version_of", lambda name: told.get(name, ""))

    return say


def test_every_package_of_the_project_is_known_and_no_other() -> None:
    extras = PROJECT["optional-dependencies"]
    asked = [*PROJECT["dependencies"], *(one for extra in extras if extra != "dev" for one in extras[extra])]
    assert {name_of(one) for one in asked} == set(PARTS)
    assert all(part.purpose and part.module for part in PARTS.values())
    assert set(EXTRAS) == set(extras) - {"dev"}
    assert all(package in map(name_of, extras[extra]) for extra, package in EXTRAS.items())


def test_what_is_needed_is_read_from_the_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ["numpy>=1.26", "keras>=3.8; extra == 'train'", "ruff>=1; extra == 'dev'", "x>=1; sys_platform == 'amiga'"]
    monkeypatch.setattr(metadata, "requires", lambda _: told)
    message = metadata.metadata("numpy")
    monkeypatch.setattr(message, "get_all", lambda _: ["train", "dev"], raising=False)
    monkeypatch.setattr(metadata, "metadata", lambda _: message)
    assert needs() == [Need("numpy", ">=1.26", ""), Need("keras", ">=3.8", "train")]


def test_a_healthy_installation(tmp_path: Path) -> None:
    assert only(check_python, scope_of(tmp_path)).state == "ok"
    found = states(check_packages, scope_of(tmp_path))
    assert set(found.values()) <= {"ok", "absent"}
    assert found["numpy"] == found["rich"] == "ok"


def test_an_old_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: "3.9.2")
    finding = only(check_python, scope_of(tmp_path))
    assert finding.state == "wrong"
    assert finding.found == "3.9.2; needed is >=3.11"


def test_a_python_of_32_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)
    assert only(check_python, scope_of(tmp_path)).state == "wrong"


def test_a_package_that_is_too_old(tmp_path: Path, installed: Callable[..., None]) -> None:
    installed([Need("numpy", ">=1.26", "")], numpy="1.24.1")
    finding = only(check_packages, scope_of(tmp_path))
    assert (finding.state, finding.found) == ("wrong", "1.24.1; needed is >=1.26: arrays")
    assert finding.mend == 'pip install "numpy>=1.26"'


def test_a_package_that_is_missing(tmp_path: Path, installed: Callable[..., None]) -> None:
    installed([Need("pillow", ">=11.0", "")])
    finding = only(check_packages, scope_of(tmp_path))
    assert (finding.state, finding.mend) == ("wrong", 'pip install "pillow>=11.0"')


def test_an_extra_that_is_not_installed_is_no_fault(tmp_path: Path, installed: Callable[..., None]) -> None:
    # SQLAlchemy is here for Optuna's sake.
    wanted = [Need("mlflow-skinny", ">=3.1", "mlflow"), Need("sqlalchemy", ">=2.0", "mlflow")]
    installed(wanted, sqlalchemy="2.0")
    finding = only(check_packages, scope_of(tmp_path))
    assert (finding.state, finding.mend) == ("absent", 'pip install "tellapart[mlflow]"')


def test_an_extra_that_is_there_in_part(tmp_path: Path, installed: Callable[..., None]) -> None:
    wanted = [Need("keras", ">=3.8", "train"), Need("optuna", ">=4.1", "train")]
    installed(wanted, keras="3.9")
    found = {finding.what: finding for finding in check_packages(scope_of(tmp_path))}
    assert (found["keras"].state, found["optuna"].state) == ("ok", "wrong")
    assert found["optuna"].mend == 'pip install "tellapart[train]"'


def test_an_old_package_of_an_extra_is_a_warning(tmp_path: Path, installed: Callable[..., None]) -> None:
    installed([Need("openvino", ">=2024.4", "openvino")], openvino="2023.1")
    assert only(check_packages, scope_of(tmp_path)).state == "warn"


def test_two_tensorflows(tmp_path: Path, installed: Callable[..., None]) -> None:
    installed([], tensorflow="2.20", tensorflow_cpu="2.18")
    assert only(check_packages, scope_of(tmp_path)).mend.startswith("pip uninstall tensorflow")


def test_a_package_whose_record_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "halfgone-1.0.dist-info").mkdir()
    (tmp_path / "halfgone-1.0.dist-info" / "METADATA").write_text("Name: halfgone\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert version_of("halfgone") == "?"
    monkeypatch.setattr(packages, "needs", lambda: [Need("halfgone", "", "")])
    found = states(check_packages, scope_of(tmp_path))
    assert found["halfgone"] == "wrong"


def test_run_from_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "PACKAGE", "tellapart-of-nobody")
    finding = only(check_packages, scope_of(tmp_path))
    assert (finding.state, finding.mend) == ("warn", "pip install --editable .")
    assert only(check_python, scope_of(tmp_path)).state == "ok"


def test_a_package_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def faults(modules: list[str]) -> dict[str, str]:
        asked.extend(modules)
        return dict.fromkeys(modules, "") | {"PIL": "ImportError: libjpeg.so.62"}

    monkeypatch.setattr(packages, "faults_of_imports", faults)
    finding = only(check_imports, scope_of(tmp_path))
    assert (finding.state, finding.what) == ("wrong", "import PIL")
    assert "libjpeg.so.62" in finding.found
    assert finding.mend == "pip install --force-reinstall --no-cache-dir pillow"
    assert "numpy" in asked
    assert not {"keras", "tensorflow", "torch", "jax", "optuna"} & set(asked)
    asked.clear()
    list(check_imports(scope_of(tmp_path, thorough=True)))
    assert "keras" in asked


def test_what_is_here_can_be_imported(tmp_path: Path) -> None:
    finding = only(check_imports, scope_of(tmp_path))
    assert finding.state == "ok", finding.found
