"""What a run checks and tells before anything is trained."""

from collections.abc import Sequence
from typing import Final

from tellapart.climb import Climb
from tellapart.errors import MissingExtraError, OptionError, UserError
from tellapart.models.backend import check_backend
from tellapart.models.choice import AUTO
from tellapart.models.recipes import Recipe, choose_recipes
from tellapart.models.task import Options
from tellapart.photos.audit import Audit
from tellapart.photos.folds import Folds, check_folds
from tellapart.photos.pixels import PixelSpec
from tellapart.photos.scan import Photos
from tellapart.photos.split import Split, check_share
from tellapart.progress import Progress
from tellapart.words import counted

_WORST: Final = 5  # findings that are told; all stand in the report


def recipes_named(names: str) -> tuple[Recipe, ...]:
    """The recipes of these names; what they need is looked for before any photo is.

    Raises:
        UnknownNameError: With the nearest names.
        UserError: Something that they need is not installed.
    """
    chosen = choose_recipes(names)
    if any(recipe.needs_keras for recipe in chosen):
        try:
            check_backend()
        except MissingExtraError as problem:
            raise UserError(f"{problem}, or what needs none of it: --recipes majority,linear,bottleneck") from None
    return chosen


def check_settings(options: Options, test_share: float, folds: int | None, budget: float | None) -> None:
    """Refuse settings that make no sense, before anything is looked at.

    Raises:
        OptionError: Which, and what is accepted.
    """
    check_share(test_share)
    _check_budget(budget, folds)
    if folds is not None:
        check_folds(folds)
    if options.epochs is not None and options.epochs < 1:
        raise OptionError(f"{options.epochs} epochs. Accepted: 1 or more.")
    if options.trials < 1 or options.search_time <= 0:
        raise OptionError(
            f"{options.trials} trials in {options.search_time} seconds. Accepted: at least one trial and some time."
        )
    if options.image_size is not None:
        PixelSpec(options.image_size)
    if options.fast:
        _check_fast(folds)


def _check_fast(folds: int | None) -> None:
    if folds:
        raise OptionError(
            "With folds every photo is validated once, and so its features are computed in float32 anyway: --fast "
            "would save nothing. Next: leave out --fast or --folds"
        )


def _check_budget(budget: float | None, folds: int | None) -> None:
    if budget is None:
        return
    if budget <= 0:
        raise OptionError(f"A budget of {budget} seconds. Accepted: some time. Next: --budget 10m")
    if folds:
        raise OptionError("With folds there is no forecast yet, so that no budget can be kept. Next: leave one out.")


def check_backbones(asked: Sequence[str] | None, folds: int | None) -> None:
    """Refuse to measure backbones in a run with folds.

    Raises:
        OptionError: That was asked for.
    """
    if folds and asked is not None and list(asked) == [AUTO]:
        raise OptionError(
            "With folds every photo is tested, so that none is left to choose a backbone with. "
            "Next: name it with --backbone, or leave --folds out."
        )


def tell(climb: Climb, audited: Audit, turns: Folds | None) -> None:
    """Tell of photos, split, audit and forecast.

    Args:
        climb: The run.
        audited: Its worst findings are told; all stand in the report.
        turns: The folds, where there are any.
    """
    _tell_photos(climb.photos, climb.split, turns, climb.progress)
    _tell_worst(audited, climb.progress)
    if climb.schedule:
        climb.progress.note(climb.schedule.told())


def _tell_photos(photos: Photos, parts: Split, turns: Folds | None, progress: Progress) -> None:
    counts = ", ".join(f"{label} {count}" for label, count in photos.counts.items())
    progress.note(f"{len(photos.items)} photos: {counts}")
    if turns:
        progress.note(f"{len(turns)} folds: in each round one tests, one validates, the others are learned from")
    else:
        n_train, n_valid, n_test = len(parts.train), len(parts.valid), len(parts.test)
        progress.note(f"{n_train} to learn from, {n_valid} to validate, {n_test} set aside for the test")
    if parts.groups:
        n_groups = len(set(parts.groups.values()))
        side = "in one fold" if turns else "on one side of the split"
        progress.note(f"{n_groups} groups of photos that belong together, each kept {side}")
    if photos.corrections:
        n_changed, n_left_out = len(photos.corrections.changed), len(photos.corrections.left_out)
        progress.note(f"{counted(n_changed, 'label')} corrected, {counted(n_left_out, 'photo')} left out by hand")
    for item in photos.excluded[:10]:
        progress.note(f"left out: {item.path} ({item.reason})")
    if len(photos.excluded) > 10:
        progress.note(f"and {len(photos.excluded) - 10} more; all are listed in results.json")


def _tell_worst(audited: Audit, progress: Progress) -> None:
    told = ", ".join(counted(n, name) for name, n in audited.counts.items())
    progress.note(f"Audit: {told}")
    for finding in audited.findings[:_WORST]:
        progress.note(f"  {finding.severity}: {finding.what}")
