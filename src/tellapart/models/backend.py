"""Keras, on the backend that is asked for or installed, loaded when it is first used.

`KERAS_BACKEND` decides; without it TensorFlow is taken where it is installed
(the fastest of the three to train on a CPU), then PyTorch, then JAX. All
modules that need Keras import it from here: a run whose recipes need none of it
starts seconds earlier, and runs on the base installation.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from tellapart.errors import MissingExtraError, OptionError
from tellapart.models.held_memory import hold_memory

VARIABLE: Final = "KERAS_BACKEND"
BACKENDS: Final = ("tensorflow", "torch", "jax")  # by the names of their modules, in the order in which they are taken


def installed_backends() -> list[str]:
    """Those that are installed, in the order in which they are taken."""
    return [name for name in BACKENDS if find_spec(name) is not None]


def extra_of(backend: str) -> str:
    """The extra of Tellapart that installs a backend."""
    return "train" if backend == "tensorflow" else backend


def check_backend() -> None:
    """Choose the backend, before anything is loaded.

    Raises:
        OptionError: `KERAS_BACKEND` names none.
        MissingExtraError: What it names, or Keras itself, is not installed.
    """
    asked, installed = os.environ.get(VARIABLE), installed_backends()
    if asked is not None and asked not in BACKENDS:
        raise OptionError(f"{VARIABLE} is '{asked}'. Accepted: {', '.join(BACKENDS)}.")
    if asked is not None and asked not in installed:
        raise MissingExtraError(f"{VARIABLE} is '{asked}', but {asked}", extra_of(asked))
    if not installed or find_spec("keras") is None:
        raise MissingExtraError("What training needs (Keras with TensorFlow, PyTorch or JAX)", "train")
    os.environ.setdefault(VARIABLE, installed[0])
    # TensorFlow and its compiler log start-up chatter to the terminal otherwise.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Keep what TensorFlow's libraries write to the terminal, past Python, while they load."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@cache
def _load() -> Any:
    check_backend()
    hold_memory()
    with _quiet_start():
        return import_module("keras")


class _Keras:
    """The module `keras`, as far as it goes."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_load(), name)


keras: Any = _Keras()


def is_loaded() -> bool:
    """Whether anything has used Keras in this process."""
    return "keras" in sys.modules


def uses_accelerator() -> bool:
    """Whether networks run on something else than the processor."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return bool(import_module("tensorflow").config.list_physical_devices("GPU"))
    if backend == "torch":
        torch = import_module("torch")
        return bool(torch.cuda.is_available() or torch.backends.mps.is_available())
    return bool(import_module("jax").default_backend() != "cpu")


__all__ = [
    "BACKENDS",
    "VARIABLE",
    "check_backend",
    "extra_of",
    "installed_backends",
    "is_loaded",
    "keras",
    "uses_accelerator",
]
