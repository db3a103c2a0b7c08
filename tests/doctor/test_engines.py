import platform
from pathlib import Path

import pytest
from scopes import only, scope_of, states

from tellapart.doctor import engines
from tellapart.doctor.engines import check_backend, check_graphics, check_onnx_runtime
from tellapart.models import backend


@pytest.fixture(autouse=True)
def both_backends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TensorFlow and JAX are installed, no graphics card is seen, Keras' own folder is empty."""
    for module in (engines, backend):
        monkeypatch.setattr(module, "find_spec", lambda name: None if name == "torch" else name)
    monkeypatch.setattr(engines, "_CARDS", {})
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    (tmp_path / "keras").mkdir()
    return tmp_path / "keras" / "keras.json"


def test_the_backend_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(check_backend, scope_of(tmp_path)).found.startswith("tensorflow: the first")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert only(check_backend, scope_of(tmp_path)).found.startswith("jax: KERAS_BACKEND says so")


@pytest.mark.parametrize(
    ("asked", "mend"), [("theano", "unset KERAS_BACKEND"), ("torch", 'pip install "tellapart[torch]"')]
)
def test_a_backend_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, mend: str) -> None:
    monkeypatch.setenv("KERAS_BACKEND", asked)
    finding = only(check_backend, scope_of(tmp_path))
    assert (finding.state, finding.mend) == ("wrong", mend)


def test_a_base_installation_trains_no_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (engines, backend):
        monkeypatch.setattr(module, "find_spec", lambda _: None)
    finding = only(check_backend, scope_of(tmp_path))
    assert (finding.state, finding.mend) == ("absent", 'pip install "tellapart[train]"')


def test_the_file_of_keras_says_something_else(tmp_path: Path, both_backends: Path) -> None:
    both_backends.write_text('{"backend": "jax"}')
    _, finding = check_backend(scope_of(tmp_path))
    assert (finding.state, finding.mend) == ("warn", "export KERAS_BACKEND=jax")
    both_backends.write_text('{"backend": "tensorflow"}')
    assert len(list(check_backend(scope_of(tmp_path)))) == 1


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe"])
def test_the_file_of_keras_is_damaged(tmp_path: Path, both_backends: Path, content: bytes) -> None:
    both_backends.write_bytes(content)
    assert states(check_backend, scope_of(tmp_path))["keras.json"] == "warn"


def test_onnx_runtime_tells_its_providers(tmp_path: Path) -> None:
    finding = only(check_onnx_runtime, scope_of(tmp_path))
    assert finding.state == "ok"
    assert "CPUExecutionProvider" in finding.found


@pytest.mark.parametrize("answer", ["", "[]", '["CUDAExecutionProvider"]'])
def test_onnx_runtime_without_a_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(engines, "answer_of", lambda _: answer)
    finding = only(check_onnx_runtime, scope_of(tmp_path))
    assert (finding.state, finding.mend) == ("wrong", "pip install --force-reinstall onnxruntime")


def test_no_card_is_no_fault(tmp_path: Path) -> None:
    assert only(check_graphics, scope_of(tmp_path)).state == "ok"


@pytest.mark.parametrize(("devices", "state"), [("1", "ok"), ("0", "warn"), ("", "warn")])
def test_a_card_that_the_backend_does_not_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, devices: str, state: str
) -> None:
    monkeypatch.setattr(engines, "_CARDS", {tmp_path: "NVIDIA"})
    monkeypatch.setattr(engines, "answer_of", lambda _: devices)
    assert "--thorough" in only(check_graphics, scope_of(tmp_path)).found
    assert only(check_graphics, scope_of(tmp_path, thorough=True)).state == state


def test_a_card_without_anything_to_train_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (engines, backend):
        monkeypatch.setattr(module, "find_spec", lambda _: None)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    finding = only(check_graphics, scope_of(tmp_path))
    assert (finding.state, finding.found[:5]) == ("absent", "Apple")
