from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from optuna.trial import FixedTrial
from tiny_set import draw_set, task_on

from tellapart.models.search_space import AUGMENTED, FIRST, Settings, search_space, sides, suggest
from tellapart.models.task import Options


def test_each_setting_is_searched_and_the_defaults_lie_within() -> None:
    space = search_space()
    assert space.keys() == asdict(AUGMENTED).keys()
    for name, value in asdict(AUGMENTED).items():
        assert space[name]._contains(space[name].to_internal_repr(value)), name


def test_what_is_drawn_are_settings() -> None:
    told: dict[str, Any] = {**asdict(AUGMENTED), "width": 2.0, "batch_size": 64}
    assert suggest(FixedTrial(told)) == Settings(**told)


def test_photos_of_half_the_side(tmp_path: Path) -> None:
    task = task_on(draw_set(tmp_path / "set", per_class=6), tmp_path, Options(epochs=1))
    fitted = FIRST.fit(task, "tuned", 32)
    assert fitted.spec.size == 16
    assert fitted.network.input_shape == (None, 16, 16, 3)
    assert fitted.hyperparameters["image_scale"] == 0.5
    assert sides(32) == [16, 24, 32]


def test_other_settings_have_another_file(tmp_path: Path) -> None:
    task = task_on(draw_set(tmp_path / "set", per_class=6), tmp_path, Options())
    assert AUGMENTED.kept(task) is None
    task = replace(task, epochs=tmp_path / "epochs")
    files = {Settings(dropout=number / 10).kept(task) for number in range(1, 6)}
    assert len(files) == 5
    assert Settings().kept(task) == AUGMENTED.kept(task)
