import pytest

from tellapart import opening
from tellapart.errors import MissingExtraError, OptionError, UserError
from tellapart.models.task import Options
from tellapart.opening import check_backbones, check_settings, recipes_named


def test_recipes_that_need_what_is_not_installed_name_those_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingExtraError("Keras", "train")

    monkeypatch.setattr(opening, "check_backend", missing)
    with pytest.raises(UserError, match=r"tellapart\[train\].*--recipes majority,linear,bottleneck$"):
        recipes_named("all")
    for names in ("majority", "majority,linear,bottleneck"):
        assert ",".join(recipe.name for recipe in recipes_named(names)) == names


@pytest.mark.parametrize(
    ("options", "others", "told"),
    [
        (Options(epochs=0), {}, "0 epochs"),
        (Options(trials=0), {}, "0 trials"),
        (Options(search_time=0.0), {}, "some time"),
        (Options(image_size=5), {}, "5 pixels"),
        (Options(fast=True), {"folds": 3}, "leave out --fast or --folds"),
        (Options(), {"folds": 2}, "Accepted: 3 to 20"),
        (Options(), {"test_share": 0.9}, "0.05 to 0.5"),
        (Options(), {"budget": 0.0}, "--budget 10m"),
        (Options(), {"budget": 60.0, "folds": 3}, "no budget can be kept"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options: Options, others: dict[str, float], told: str) -> None:
    given = {"test_share": 0.2, "folds": None, "budget": None} | others
    with pytest.raises(OptionError, match=told):
        check_settings(options, **given)  # type: ignore[arg-type]


def test_settings_that_make_sense_pass() -> None:
    check_settings(Options(fast=True, epochs=1), 0.2, None, 600.0)
    check_settings(Options(), 0.2, 5, None)


def test_folds_leave_no_photo_to_choose_a_backbone_with() -> None:
    with pytest.raises(OptionError, match="name it with --backbone"):
        check_backbones(["auto"], 5)
    check_backbones(["auto"], None)
    check_backbones(["pocket", "vgg16"], 5)
    check_backbones(None, 5)
