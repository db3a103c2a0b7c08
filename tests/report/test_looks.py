import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_looks import write_looks
from fake_run import ODD_CLASSES, build_run
from test_page import Page

from tellapart.errors import RunFolderError
from tellapart.report import page
from tellapart.report.looks import look_figures, looks_view, read_looks
from tellapart.report.run_folder import RunFolder, read_run
from tellapart.report.style import save_figure


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = build_run(tmp_path_factory.mktemp("looks") / "run", ODD_CLASSES)
    write_looks(run, ODD_CLASSES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "draw_figures", draw_looks)  # the others take seconds
        page.write_report(run)
    return run


def draw_looks(run: RunFolder) -> None:
    for name, figure in look_figures(run):
        save_figure(figure, run.path / "figures" / f"{name}.png")


def test_a_figure_is_drawn_for_each_photo(run: Path) -> None:
    drawn = dict(look_figures(read_run(run)))
    assert list(drawn) == ["heatmaps_steps_1", "heatmaps_steps_2", "heatmaps_methods_1"]
    assert all((run / "figures" / f"{name}.png").is_file() for name in drawn)


def test_the_page_shows_them_with_words_tables_and_the_warning(run: Path) -> None:
    shown = Page(run / "report.html")
    assert "heatmaps" in shown.values("id")
    assert "#heatmaps" in shown.values("href")
    sources = [source for source in shown.values("src") if source.startswith("data:image/webp;base64,")]
    assert len(sources) == 4, "three figures of maps, and the augmentation"
    assert "Warning." in shown.text
    assert "outside the middle half" in shown.text
    assert "<script>alert(1)</script>" in shown.text
    assert "What a map does not prove" in shown.text
    assert sum(map(len, sources)) < 300_000


def test_no_warning_no_word_of_it(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    write_looks(run, ["bed", "chair"], warnings=[])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "draw_figures", draw_looks)
        page.write_report(run)
    shown = Page(run / "report.html")
    assert "Warning." not in shown.text
    assert "Middle or edges?" in shown.text


def test_an_older_run_has_none(tmp_path: Path) -> None:
    run = build_run(tmp_path / "run")
    assert read_looks(read_run(run)) is None
    assert looks_view(read_run(run)) is None
    assert list(look_figures(read_run(run))) == []


@pytest.mark.parametrize("damage", ["no JSON", "[]", '{"format": 2}', '{"format": 1}'])
def test_damaged_texts_are_told(tmp_path: Path, damage: str) -> None:
    run = build_run(tmp_path / "run")
    write_looks(run, ["bed", "chair"])
    (run / "explanations" / "heatmaps.json").write_text(damage, encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"heatmaps\.json .*Next: "):
        read_looks(read_run(run))


@pytest.mark.parametrize("damage", [b"", b"PK no archive", "empty", "pickle"])
def test_damaged_arrays_are_told(tmp_path: Path, damage: Any) -> None:
    run = build_run(tmp_path / "run")
    write_looks(run, ["bed", "chair"])
    content = io.BytesIO()
    if damage == "empty":
        np.savez(content)
    elif damage == "pickle":
        np.savez(content, photo0=np.array([{}], dtype=object), allow_pickle=True)
    else:
        content.write(damage)
    (run / "explanations" / "heatmaps.npz").write_bytes(content.getvalue())
    with pytest.raises(RunFolderError, match=r"heatmaps\."):
        read_looks(read_run(run))
