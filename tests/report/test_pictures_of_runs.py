"""The pictures that a run and its recipes draw of themselves, as in a notebook."""

import pytest
from fake_map import build_map
from fake_run import CLASSES, build_run

from tellapart.errors import RunFolderError, UnknownNameError
from tellapart.report.style import new_figure
from tellapart.run import Run


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(build_run(tmp_path_factory.mktemp("runs") / "run"))
    build_map(run.folder, CLASSES)
    return run


@pytest.mark.parametrize("picture", ["ladder", "classes", "learning_curve", "map", "search"])
def test_a_run_draws_itself_into_given_axes(drawn: Run, picture: str) -> None:
    ax = new_figure(4).subplots()
    assert getattr(drawn, f"plot_{picture}")(ax=ax) is ax.figure
    assert ax.has_data()


def test_a_run_draws_its_recipes_side_by_side(drawn: Run) -> None:
    assert len(drawn.plot_curves().axes) == 2 * 6
    assert sum(bool(ax.images) for ax in drawn.plot_confusions().axes) == 6
    for what in ("importance", "parallel"):
        assert "The search" in drawn.plot_search(what).get_suptitle()
    with pytest.raises(UnknownNameError, match="Accepted: history, importance, parallel"):
        drawn.plot_search("paralel")


@pytest.mark.parametrize("picture", ["curves", "confusion", "classes", "reliability", "coverage"])
def test_a_recipe_draws_itself(drawn: Run, picture: str) -> None:
    recipe = drawn.recipe("deeper")
    draw = getattr(recipe, f"plot_{picture}")
    assert "Deeper CNN" in draw().get_suptitle()
    ax = new_figure(4).subplots()
    assert draw(ax=ax) is ax.figure
    assert ax.has_data()
    assert len(recipe.plot_curves(what="loss").axes) == 1


def test_what_a_run_does_not_hold_is_told(drawn: Run) -> None:
    with pytest.raises(RunFolderError, match=r"holds no epochs of this recipe\. Next:"):
        drawn.recipe("majority").plot_curves()


def test_a_figure_shows_itself_as_a_picture_in_a_notebook(drawn: Run) -> None:
    formatters = pytest.importorskip("IPython.core.formatters", reason="IPython is not installed: .[dev]")
    data, told = formatters.DisplayFormatter().format(drawn.recipe("deeper").plot_confusion())
    assert data["image/png"].startswith(b"\x89PNG")
    assert told["image/png"]["width"] < 700
    data, _ = formatters.DisplayFormatter().format(drawn.leaderboard())
    assert data["text/html"].startswith("<table>")
