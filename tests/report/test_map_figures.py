from pathlib import Path

import numpy as np
import pytest
from fake_map import build_map, hue
from fake_run import CLASSES, build_run

from tellapart.report.map_figures import map_figures, shown_neighbours
from tellapart.report.photo_map import PhotoMap, write_map


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_run(tmp_path_factory.mktemp("runs") / "first")


@pytest.fixture(scope="module")
def found(run: Path) -> PhotoMap:
    return build_map(run, CLASSES)


def test_a_map_makes_five_figures(run: Path, found: PhotoMap) -> None:
    figures = dict(map_figures(run))
    assert list(figures) == ["feature_map", "typical", "mistakes", "unsure", "neighbours"]
    photos = [len(axes.images) for axes in figures["mistakes"].axes]
    assert sum(photos) == len(found.listed("mistakes")) > 0
    first = figures["mistakes"].axes[0]
    photo = found.listed("mistakes")[0]
    assert tuple(np.asarray(first.images[0].get_array())[0, 0]) == pytest.approx(hue(photo), abs=8)
    label, said = (found.classes[found.column(name)[photo]] for name in ("class", "predicted"))
    assert first.texts[0].get_text().replace("\xa0", " ") == f"{label}\nsaid: {said}\n70 %"


def test_without_mistakes_there_is_no_figure_of_them(run: Path, found: PhotoMap, tmp_path: Path) -> None:
    told = {**found.told, "lists": {**found.told["lists"], "mistakes": [], "neighbours": {}}}
    write_map(tmp_path, PhotoMap(told, found.points, found.sheet, found.sizes, found.pictures))
    assert [name for name, _ in map_figures(tmp_path)] == ["feature_map", "typical", "unsure"]
    assert list(map_figures(run / "recipes")) == []


def test_neighbours_without_a_picture_are_passed_over(found: PhotoMap) -> None:
    photo = found.listed("mistakes")[0]
    near = found.neighbours()[photo]
    fewer = {key: value for key, value in found.pictures.items() if key != near[0]}
    changed = PhotoMap(found.told, found.points, found.sheet, found.sizes, fewer)
    assert shown_neighbours(changed, photo) == near[1:]
