"""Python, and the packages that Tellapart needs: there, new enough, and whole enough to be imported.

What is needed, and how new, is read from what the package manager knows of Tellapart: `pyproject.toml` alone says it.
"""

import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

from tellapart.doctor.finding import Finding, Scope, State
from tellapart.doctor.imports import faults_of_imports

PACKAGE: Final = "tellapart"
_FROM_SOURCE: Final = "run from its source without having been installed: what it needs is not known"
_INSTALL: Final = "pip install --editable ."


@dataclass(frozen=True)
class Part:
    """A package: the module that it is imported by, what it is for, and whether that import takes seconds."""

    module: str
    purpose: str
    heavy: bool = False


PARTS: Final[Mapping[str, Part]] = {
    "numpy": Part("numpy", "arrays"),
    "pillow": Part("PIL", "decodes photos"),
    "onnx": Part("onnx", "puts networks together"),
    "onnxruntime": Part("onnxruntime", "runs networks forward"),
    "scikit-learn": Part("sklearn", "splits, scores, the linear head"),
    "matplotlib": Part("matplotlib", "figures"),
    "jinja2": Part("jinja2", "the report's page"),
    "rich": Part("rich", "tables and bars on a terminal"),
    "typer": Part("typer", "the command line"),
    "filelock": Part("filelock", "one run at a time in one place"),
    "safetensors": Part("safetensors", "features and weights on disk"),
    "h5py": Part("h5py", "reads Keras' files of weights"),
    "protobuf": Part("google.protobuf", "reads a model file before it is run"),
    "packaging": Part("packaging", "compares versions"),
    "fastapi": Part("fastapi", "the server's routes"),
    "uvicorn": Part("uvicorn", "the server's HTTP"),
    "python-multipart": Part("python_multipart", "forms with photos"),
    "prometheus-client": Part("prometheus_client", "the server's metrics"),
    "keras": Part("keras", "defines and trains networks", heavy=True),
    "tensorflow-cpu": Part("tensorflow", "trains", heavy=True),
    "tensorflow": Part("tensorflow", "trains", heavy=True),
    "tf2onnx": Part("tf2onnx", "exports unusual networks", heavy=True),
    "optuna": Part("optuna", "the search of `tuned`", heavy=True),
    "torch": Part("torch", "trains, on a GPU too", heavy=True),
    "onnxscript": Part("onnxscript", "exports from PyTorch", heavy=True),
    "jax": Part("jax", "trains, on a GPU too", heavy=True),
    "keras-hub": Part("keras_hub", "backbones from presets", heavy=True),
    "cleanlab": Part("cleanlab", "probable wrong labels", heavy=True),
    "openvino": Part("openvino", "another engine to run networks", heavy=True),
    "tensorboard": Part("tensorboard", "logs for TensorBoard", heavy=True),
    "mlflow-skinny": Part("mlflow", "logs for MLflow", heavy=True),
    "sqlalchemy": Part("sqlalchemy", "MLflow's database", heavy=True),
    "alembic": Part("alembic", "MLflow's database", heavy=True),
    "sqlparse": Part("sqlparse", "MLflow's database", heavy=True),
    "pyarrow": Part("pyarrow", "Parquet, for many photos", heavy=True),
    "fsspec": Part("fsspec", "photos at addresses such as s3://", heavy=True),
    "ray": Part("ray", "many photos on a cluster", heavy=True),
}
# By the package that an extra is installed for: others of it may be here for another one's sake.
EXTRAS: Final[Mapping[str, str]] = {
    "train": "keras",
    "torch": "torch",
    "jax": "jax",
    "hub": "keras-hub",
    "labels": "cleanlab",
    "openvino": "openvino",
    "tensorboard": "tensorboard",
    "mlflow": "mlflow-skinny",
    "scale": "pyarrow",
    "ray": "ray",
}
_NEEDED: Final = ("", "train")  # too old a package of these stops a run; of another extra, what it is asked for


@dataclass(frozen=True)
class Need:
    """A package that Tellapart asks for here.

    Attributes:
        package: Its name.
        versions: Those that are accepted, such as ">=3.8"; "" for any.
        extra: The part of Tellapart that needs it; "" for the base.
    """

    package: str
    versions: str
    extra: str

    @property
    def command(self) -> str:
        """What installs it, or a version that is accepted."""
        return f'pip install "{self.package}{self.versions}"'


def needs() -> list[Need]:
    """What the package manager says that Tellapart needs on this system, without what only its developers need.

    Raises:
        PackageNotFoundError: Tellapart has not been installed.
    """
    from packaging.requirements import Requirement

    extras = ["", *(metadata.metadata(PACKAGE).get_all("Provides-Extra") or [])]
    asked = [Requirement(text) for text in metadata.requires(PACKAGE) or []]
    found: dict[str, Need] = {}
    for extra in extras:
        for one in asked:
            applies = one.marker is None or one.marker.evaluate({"extra": extra})
            if applies and extra in {"", *EXTRAS}:
                found.setdefault(one.name, Need(one.name, str(one.specifier), extra))
    return list(found.values())


def version_of(package: str) -> str:
    """The version that is installed; "" where there is none, "?" where its own record is damaged."""
    try:
        told: str | None = metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
    except (KeyError, OSError, UnicodeDecodeError):
        return "?"
    return told or "?"


def check_python(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    """The interpreter is new enough, and of 64 bits."""
    from packaging.specifiers import SpecifierSet

    here = platform.python_version()
    try:
        accepted = ", ".join(metadata.metadata(PACKAGE).get_all("Requires-Python") or [])
    except metadata.PackageNotFoundError:
        accepted = ""
    if not SpecifierSet(accepted).contains(here, prereleases=True):
        yield Finding("wrong", "Python", f"{here}; needed is {accepted}", "uv venv --python 3.12, then install there")
    elif sys.maxsize < 2**32:
        yield Finding("wrong", "Python", f"{here} of 32 bits: no engine exists for it", "install a Python of 64 bits")
    else:
        yield Finding("ok", "Python", f"{here} ({sys.executable})")


def check_packages(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    """Every package that is needed is there, and new enough; every extra is there whole, or not at all."""
    try:
        asked = needs()
    except metadata.PackageNotFoundError:
        yield Finding("warn", "packages", _FROM_SOURCE, _INSTALL)
        return
    by_extra: dict[str, list[Need]] = {}
    for need in asked:
        by_extra.setdefault(need.extra, []).append(need)
    for extra, wanted in by_extra.items():
        if extra and not version_of(EXTRAS[extra]):
            found = f"not installed: {PARTS[EXTRAS[extra]].purpose}"
            yield Finding("absent", f"tellapart[{extra}]", found, _of_extra(extra))
        else:
            yield from map(_judged, wanted)
    if version_of("tensorflow") and version_of("tensorflow-cpu"):
        found = "tensorflow and tensorflow-cpu are both installed, and write over each other's files"
        yield Finding("warn", "tensorflow", found, "pip uninstall tensorflow tensorflow-cpu, then install one of them")


def _judged(need: Need) -> Finding:
    from packaging.specifiers import SpecifierSet

    version = version_of(need.package)
    purpose = PARTS[need.package].purpose if need.package in PARTS else ""
    wrong: State = "wrong" if need.extra in _NEEDED else "warn"
    if not version:
        command = _of_extra(need.extra) if need.extra else need.command
        return Finding(wrong, need.package, f"not installed: {purpose}", command)
    if version == "?":
        found = "its own record is damaged: an installation that was cut off?"
        return Finding(wrong, need.package, found, f"pip install --force-reinstall {need.package}")
    if not SpecifierSet(need.versions).contains(version, prereleases=True):
        return Finding(wrong, need.package, f"{version}; needed is {need.versions}: {purpose}", need.command)
    return Finding("ok", need.package, f"{version} ({need.versions}): {purpose}")


def _of_extra(extra: str) -> str:
    return f'pip install "tellapart[{extra}]"'


def check_imports(scope: Scope) -> Iterator[Finding]:
    """What is installed can be imported; training frameworks are tried by a thorough look alone."""
    here: dict[str, Any] = {
        part.module: package
        for package, part in PARTS.items()
        if (scope.thorough or not part.heavy) and version_of(package)
    }
    broken = {module: fault for module, fault in faults_of_imports(list(here)).items() if fault}
    for module, fault in broken.items():
        command = f"pip install --force-reinstall --no-cache-dir {here[module]}"
        yield Finding("wrong", f"import {module}", f"{here[module]} is installed, and broken: {fault}", command)
    if not broken:
        rest = "" if scope.thorough else "; training frameworks are tried with --thorough"
        yield Finding("ok", "imports", f"{len(here)} packages can be imported{rest}")
