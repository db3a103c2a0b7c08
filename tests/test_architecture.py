"""What keeps the code small, plain and quick to start: layers, sizes, doors, mirrors."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tellapart

REPOSITORY = Path(__file__).parent.parent
SOURCE = REPOSITORY / "src" / "tellapart"
MODULES = sorted(SOURCE.rglob("*.py"))
MOST_LINES, MOST_FUNCTION_LINES = 350, 50
# What a clean process may load to answer `tellapart --help`: nothing that computes.
HEAVY = {
    "numpy", "PIL", "scipy", "sklearn", "matplotlib", "jinja2", "onnx", "onnxruntime",
    "keras", "tensorflow", "torch", "jax", "optuna", "safetensors", "cleanlab", "pandas",
    "pyarrow", "fsspec", "ray",
    "fastapi", "starlette", "uvicorn", "prometheus_client", "python_multipart",
}  # fmt: skip


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after a statement."""
    script = f"{statement}\nimport sys\nprint(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_modules_and_functions_are_small(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert body_lines(node) <= MOST_FUNCTION_LINES, f"{node.name} is too long"


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's statements: signature and docstring are the contract, not the work."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0


def test_every_module_has_its_test_file() -> None:
    missing = []
    for module in MODULES:
        if module.name in {"__init__.py"}:
            continue
        mirror = REPOSITORY / "tests" / module.relative_to(SOURCE).with_name(f"test_{module.name}")
        if not mirror.is_file():
            missing.append(str(mirror.relative_to(REPOSITORY)))
    assert not missing


def test_no_module_is_named_after_nothing() -> None:
    assert not {module.stem for module in MODULES} & {"utils", "common", "helpers", "core", "misc"}


def test_the_public_door_is_sorted_and_opens() -> None:
    assert sorted(tellapart.__all__, key=str.lower) == sorted(
        [
            "ImageClassifier",
            "Model",
            "Run",
            "TellapartError",
            "UserError",
            "__version__",
            "compare",
            "evaluate",
            "explain_photos",
            "export",
            "fit",
            "load",
        ],
        key=str.lower,
    )
    for name in tellapart.__all__:
        assert getattr(tellapart, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = tellapart.nothing_of_that_name


def test_help_imports_nothing_heavy() -> None:
    assert not modules_after("from tellapart.cli import app") & HEAVY
    assert not modules_after("import tellapart") & HEAVY


def test_what_is_handed_over_needs_no_training_framework() -> None:
    training = {"keras", "tensorflow", "torch", "jax", "optuna", "onnx", "tf2onnx", "safetensors"}
    loaded = modules_after(
        "import tellapart; tellapart.load; import tellapart.deploy.predictions, tellapart.report.page, "
        "tellapart.deploy.server"
    )
    assert not loaded & training


def test_a_prediction_starts_without_what_it_does_not_use() -> None:
    others = {"sklearn", "scipy", "matplotlib", "jinja2", "pandas"}
    loaded = modules_after("import tellapart.deploy.runtime, tellapart.deploy.predictions")
    assert not loaded & (others | {"keras", "tensorflow", "torch", "jax", "optuna", "onnx", "tf2onnx", "safetensors"})
    of_weights = {"ssl", "http"}
    assert not modules_after("from tellapart.cli import app; import tellapart.deploy.predictions") & of_weights


def test_layers_hold() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    if not tool.is_file():
        pytest.skip("import-linter is not installed beside this interpreter")
    result = subprocess.run([tool, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_version_stands_in_one_place_twice_the_same() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{tellapart.__version__}"' in text
