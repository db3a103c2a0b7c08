"""The examples of README, docs and docstrings run; the docs name no file, flag or extra that is not there."""

import re
from pathlib import Path

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

from brief import brief_explanations
from ladder_set import draw_shapes

REPOSITORY = Path(__file__).parent.parent
PAGES = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    *(f"docs/{path.name}" for path in REPOSITORY.glob("docs/*.md")),
]
EXAMPLES = list(find_examples(REPOSITORY / "README.md", REPOSITORY / "docs", REPOSITORY / "src"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples run: photos of chairs and tables, so to speak, and a photo alone."""
    place = tmp_path_factory.mktemp("docs")
    shapes = draw_shapes(place / "photos", per_class=10)
    (shapes / "disc").rename(shapes / "chair")
    (shapes / "frame").rename(shapes / "table")
    (shapes / "chair" / "000.png").rename(shapes / "chair" / "000.jpg")
    (place / "new.jpg").write_bytes((shapes / "chair" / "000.jpg").read_bytes())
    return place


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_examples_run(
    example: CodeExample, eval_example: EvalExample, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if example.prefix not in {"py", "python"}:
        pytest.skip("not Python")
    monkeypatch.chdir(place)
    paths = sorted(str(path) for path in (place / "photos").rglob("*.*"))
    names = {"paths": paths, "labels": [Path(path).parent.name for path in paths]}
    brief_explanations(monkeypatch)
    eval_example.run(example, module_globals=names)


def test_there_are_examples() -> None:
    assert len([example for example in EXAMPLES if example.prefix in {"py", "python"}]) >= 2


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert ((REPOSITORY / page).parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_flags_and_extras_exist(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    source = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "src" / "tellapart").glob("cli*.py"))
    for flag in re.findall(r"`--([a-z-]+)", text):
        assert f'"--{flag}"' in source or f"    {flag.replace('-', '_')}: " in source, f"--{flag}"
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"tellapart\[([a-z]+)\]", text):
        assert f"\n{extra} = [" in project, extra
