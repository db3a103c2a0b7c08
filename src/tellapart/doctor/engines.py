"""What trains and what runs forward: the backend that is asked for, ONNX Runtime's providers, a graphics card."""

import json
import os
import platform
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tellapart.doctor.finding import Finding, Scope
from tellapart.doctor.imports import answer_of
from tellapart.models.backend import BACKENDS, VARIABLE, extra_of, installed_backends

_CARDS: Final = {Path("/dev/nvidiactl"): "NVIDIA", Path("/dev/kfd"): "AMD"}
_PROVIDERS: Final = "import onnxruntime, json; print(json.dumps(onnxruntime.get_available_providers()))"
_GPU: Final = {
    "tensorflow": "import tensorflow; print(len(tensorflow.config.list_physical_devices('GPU')))",
    "torch": "import torch; print(torch.cuda.device_count() + int(torch.backends.mps.is_available()))",
    "jax": "import jax; print(int(jax.default_backend() != 'cpu'))",
}


def check_backend(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    """What Keras trains with: as `KERAS_BACKEND` says, else the first that is installed."""
    installed = installed_backends()
    asked = os.environ.get(VARIABLE)
    if asked is not None and asked not in BACKENDS:
        found = f"{VARIABLE} is '{asked}'; accepted are {', '.join(BACKENDS)}"
        yield Finding("wrong", "training backend", found, f"unset {VARIABLE}")
    elif asked is not None and asked not in installed:
        found = f"{VARIABLE} is '{asked}', which is not installed"
        yield Finding("wrong", "training backend", found, f'pip install "tellapart[{extra_of(asked)}]"')
    elif not installed or find_spec("keras") is None:
        found = "none: photos are told apart and served; only `majority` and `linear` are trained"
        yield Finding("absent", "training backend", found, 'pip install "tellapart[train]"')
    else:
        why = f"{VARIABLE} says so" if asked else "the first that is installed"
        yield Finding("ok", "training backend", f"{asked or installed[0]}: {why}; installed: {', '.join(installed)}")
    yield from _by_file(asked, installed)


def _by_file(asked: str | None, installed: list[str]) -> Iterator[Finding]:
    """Keras' own file names a backend too; Tellapart goes by the variable alone, so that a run says what made it."""
    file = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        named = told.get("backend") if isinstance(told, dict) else None
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        yield Finding("warn", "keras.json", f"{file} cannot be read as JSON", f"rm {file}")
        return
    if named in BACKENDS and installed and named != (asked or installed[0]):
        found = f"{file} says {named}, Tellapart takes {asked or installed[0]}: it goes by {VARIABLE}"
        yield Finding("warn", "keras.json", found, f"export {VARIABLE}={named}")


def check_onnx_runtime(scope: Scope) -> Iterator[Finding]:  # noqa: ARG001  a check's shape
    """ONNX Runtime can be loaded, and has the provider that everything forward runs on."""
    try:
        providers = json.loads(answer_of(_PROVIDERS))
    except ValueError:
        providers = []
    if "CPUExecutionProvider" in providers:
        yield Finding("ok", "ONNX Runtime", f"providers: {', '.join(providers)}")
    else:
        found = f"no provider for the processor (providers: {', '.join(providers) or 'none'})"
        yield Finding("wrong", "ONNX Runtime", found, "pip install --force-reinstall onnxruntime")


def check_graphics(scope: Scope) -> Iterator[Finding]:
    """A graphics card is of use to training alone; where there is one, does the backend see it?"""
    card = _card()
    installed = installed_backends()
    backend = os.environ.get(VARIABLE) or next(iter(installed), "")
    if not card:
        yield Finding("ok", "graphics card", "none is seen: training runs on the processor")
    elif backend not in installed:
        yield Finding("absent", "graphics card", f"{card}; nothing is installed to train on it", _with_torch())
    elif not scope.thorough:
        yield Finding("ok", "graphics card", f"{card}; whether {backend} sees it is tried with --thorough")
    elif answer_of(_GPU[backend]) in {"", "0"}:
        yield Finding("warn", "graphics card", f"{card}, but {backend} does not see it", _with_torch())
    else:
        yield Finding("ok", "graphics card", f"{card}, and {backend} sees it")


def _card() -> str:
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "Apple"
    return next((name for path, name in _CARDS.items() if path.exists()), "")


def _with_torch() -> str:
    return 'pip install "tellapart[train,torch]" && export KERAS_BACKEND=torch'
