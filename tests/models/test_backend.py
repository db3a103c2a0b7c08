import os
from types import SimpleNamespace

import pytest

from tellapart.errors import MissingExtraError, OptionError
from tellapart.models import backend


def installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(backend, "find_spec", lambda name: object() if name in names else None)


def test_keras_runs_on_the_backend_that_was_chosen() -> None:
    assert backend.keras.backend.backend() == os.environ["KERAS_BACKEND"]


def test_an_unknown_backend_names_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    with pytest.raises(OptionError, match=r"KERAS_BACKEND is 'theano'\. Accepted: tensorflow, torch, jax\."):
        backend.check_backend()


@pytest.mark.parametrize(("name", "extra"), [("tensorflow", "train"), ("torch", "torch"), ("jax", "jax")])
def test_a_backend_that_is_not_installed_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, name: str, extra: str
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", name)
    installed(monkeypatch, "keras")
    with pytest.raises(MissingExtraError, match=rf'pip install "tellapart\[{extra}\]"'):
        backend.check_backend()


@pytest.mark.parametrize("there", [("keras",), ("tensorflow",), ()])
def test_without_keras_or_any_backend_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...]
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    installed(monkeypatch, *there)
    with pytest.raises(MissingExtraError, match=r'pip install "tellapart\[train\]"'):
        backend.check_backend()


@pytest.mark.parametrize(
    ("there", "chosen"),
    [(("tensorflow", "torch", "jax"), "tensorflow"), (("jax", "torch"), "torch"), (("jax",), "jax")],
)
def test_tensorflow_comes_first(monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], chosen: str) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "")  # so that it is put back afterwards
    monkeypatch.delenv("KERAS_BACKEND")
    installed(monkeypatch, "keras", *there)
    backend.check_backend()
    assert os.environ["KERAS_BACKEND"] == chosen


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("name", ["tensorflow", "torch", "jax"])
def test_every_backend_tells_of_an_accelerator(name: str, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = SimpleNamespace(
        config=SimpleNamespace(list_physical_devices=lambda kind: [kind] if there else []),
        cuda=SimpleNamespace(is_available=lambda: there),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: False)),
        default_backend=lambda: "gpu" if there else "cpu",
    )
    monkeypatch.setattr(backend, "keras", SimpleNamespace(backend=SimpleNamespace(backend=lambda: name)))
    monkeypatch.setattr(backend, "import_module", {name: devices}.__getitem__)
    assert backend.uses_accelerator() is there
