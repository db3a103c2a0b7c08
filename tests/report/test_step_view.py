from pathlib import Path

import numpy as np
from fake_run import build_run

from tellapart.report.figures import save_figure
from tellapart.report.run_folder import read_run
from tellapart.report.step_view import flat, hardest, photo_picture, picture, step_view, title_of
from tellapart.report.style import new_figure


def test_a_step_tells_what_its_files_hold(tmp_path: Path) -> None:
    run = read_run(build_run(tmp_path / "run"))
    view = step_view(run, run.recipes[2])
    assert view["title"] == "Deeper CNN"
    assert not view["chosen"]
    assert view["has_rates"]
    assert len(view["epochs_table"].rows) == 14
    assert len(view["fares"]) == len(view["classes"]) == 4
    assert view["curves"] is None
    floor = step_view(run, run.recipes[0])
    assert floor["epochs_table"] is None


def test_the_hardest_class_is_named_unless_all_is_right(tmp_path: Path) -> None:
    run = read_run(build_run(tmp_path / "run"))
    best = next(recipe for recipe in run.results["recipes"] if recipe["name"] == run.results["best"]["recipe"])
    best["test"]["confusion"] = [[9, 1, 0, 0], [0, 10, 0, 0], [3, 0, 7, 0], [0, 0, 0, 0]]
    assert hardest(run) == "“sofa”, 7 of 10 found"
    best["test"]["confusion"] = [[9, 0, 0, 0], [0, 1, 0, 0], [0, 0, 7, 0], [0, 0, 0, 0]]
    assert hardest(run) == ""


def test_a_picture_knows_its_size(tmp_path: Path) -> None:
    run = read_run(build_run(tmp_path / "run"))
    save_figure(new_figure(3, width=12), run.path / "figures" / "wide.png")
    wide = picture(run, "wide")
    assert wide is not None
    assert (wide["width"], wide["height"], wide["wide"]) == (864, 216, True)
    assert picture(run, "nothing") is None


def test_a_picture_of_photos_is_light(tmp_path: Path) -> None:
    run = read_run(build_run(tmp_path / "run"))
    figure = new_figure(3, width=6)
    figure.add_subplot().imshow(np.random.default_rng(0).random((40, 40, 3)), interpolation="bicubic")
    save_figure(figure, run.path / "figures" / "photos.png")
    light, heavy = photo_picture(run, "photos"), picture(run, "photos")
    assert light is not None
    assert heavy is not None
    assert light["source"].startswith("data:image/webp;")
    assert len(light["source"]) < len(heavy["source"])
    assert (light["width"], light["height"], light["wide"]) == (432, 216, False)
    assert photo_picture(run, "nothing") is None


def test_titles_and_settings() -> None:
    assert title_of({"name": "deeper"}) == "Deeper"
    assert title_of({"name": "deeper", "title": "Deep"}) == "Deep"
    assert flat({"a_b": {"c": 0.1234567}, "d": [1, 2]}) == [("a b: c", "0.123457"), ("d", "1, 2")]
