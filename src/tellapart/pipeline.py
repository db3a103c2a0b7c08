"""The main path: photos in, a run folder out. It reads like the README."""

import shutil
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from tellapart.climb import Climb
from tellapart.cross_validation import climb_in_folds
from tellapart.demo.furniture_set import draw_furniture
from tellapart.errors import MissingExtraError, OptionError, UserError
from tellapart.explain.leave import leave_explanations
from tellapart.files import cache_folder, make_folder, write_bytes, write_csv, write_json, write_text
from tellapart.kept_means import means_of
from tellapart.label_check import with_labels
from tellapart.models import choice
from tellapart.models.backbone_file import backbone_onnx
from tellapart.models.backend import check_backend
from tellapart.models.choice import Choice
from tellapart.models.recipes import Recipe, choose_recipes, on_backbones
from tellapart.models.task import Options
from tellapart.more_photos import about_more_photos
from tellapart.photos.audit import Audit, audit
from tellapart.photos.audit_files import write_audit
from tellapart.photos.augment import examples
from tellapart.photos.corrections import keep_table, scan_corrected
from tellapart.photos.decode import decode
from tellapart.photos.folds import Folds, check_folds, cut_into_folds
from tellapart.photos.pixels import PixelSpec, to_pixels
from tellapart.photos.scan import Photos
from tellapart.photos.split import Split, check_share, split
from tellapart.progress import Progress, Silent
from tellapart.report.figures import augmentation
from tellapart.report.model_card import FILE as CARD
from tellapart.report.model_card import model_card
from tellapart.report.page import write_report
from tellapart.report.style import save_figure
from tellapart.results import climb_once
from tellapart.run import Run, check_free, claim, keep_apart, settings_of
from tellapart.settings import settled
from tellapart.tracking.trackers import trackers
from tellapart.weights.offline import forbid_network, offline
from tellapart.words import counted

_EXAMPLE_SIZE = 160
_WORST = 5  # findings that are told before training; all stand in the report


def fit(  # noqa: PLR0913  the one public door names every setting that a user has
    photos: str | PathLike[str],
    out: str | PathLike[str],
    *,
    recipes: str = "all",
    backbone: str | None = None,
    weights: str | PathLike[str] | None = None,
    image_size: int | None = None,
    test_share: float = 0.2,
    folds: int | None = None,
    seed: int = 0,
    epochs: int | None = None,
    budget: float = 300.0,
    trials: int = 30,
    fast: bool = False,
    corrections: str | PathLike[str] | None = None,
    track: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Climb the ladder on a folder of photos, choose a recipe, and write a run folder.

    Args:
        photos: A folder with one sub-folder per class, a CSV file with the columns
            `path,label` (and optionally `part`), or an `imagefolder`.
        out: The run folder; it must be new, or hold the same run with `resume`.
        recipes: `all`, or names with commas.
        backbone: For the transfer recipes: a name, several with commas for side by side,
            or `auto` to choose by measurement. None is `vgg16` where its weights are here
            or can be fetched, else `pocket`, which is built in.
        weights: Its weights file; without it they are looked for and fetched.
        image_size: In pixels, for every recipe; without it each has its own.
        test_share: Share of each class that is set aside, 0.05 to 0.5; of no account with `folds`.
        folds: Cross-validation: every recipe is trained and tested in so many folds, 3 to 20,
            and scored on all photos.
        seed: Fixes split, weights, order, augmentation and search.
        epochs: A ceiling for every recipe.
        budget: Seconds that the search of `tuned` may take.
        trials: How many trials that search may make.
        fast: Compute the features of training photos in 8 bits, which is faster; what is validated,
            tested and handed over stays in float32.
        corrections: A table of labels to correct and photos to leave out, as `tellapart audit --apply`
            proposes; the photos themselves are not touched.
        track: Log to `tensorboard`, `mlflow`, or both with a comma: into `tracking/` of the run folder, or
            to the server of MLFLOW_TRACKING_URI.
        resume: Go on with the run that `out` holds.
        progress: Where to tell how far it is; silent without.

    Raises:
        UserError: Something that the user can mend; the message says how.
    """
    if offline():
        forbid_network()
    progress = progress or Silent()
    source, run = Path(photos), Path(out)
    chosen = _recipes(recipes)
    tracking = trackers(track, run, progress)
    options = Options(seed, image_size, epochs, None, None, budget, trials, fast)
    _check(options, test_share, folds)
    keep_apart(source, run)
    transfer, wanted = any(recipe.transfer for recipe in chosen), ",".join(recipe.name for recipe in chosen)
    file = Path(weights) if weights else None
    before = settings_of(run) if resume else {}
    asked = choice.read_names(backbone, file) if backbone is not None else None
    _check_together(asked, folds)

    # Before the backbones: a wrong folder should not be told after a download.
    found = scan_corrected(source, corrections, progress)
    backbones = _backbones(asked, file, options, before, progress) if transfer else None
    audited = audit(found, progress, test_share=1.0 if folds else test_share)
    audited = with_labels(audited, found, cache_folder(), progress)
    turns = cut_into_folds(found, audited.duplicates, n_folds=folds, seed=seed) if folds else None
    parts = turns.whole() if turns else split(found, test_share=test_share, seed=seed, duplicates=audited.duplicates)
    if transfer and backbones is None:
        backbones = choice.by_measurement(found.root, parts.train, progress, image_size=image_size)
    if backbones is not None:
        chosen = on_backbones(chosen, backbones.backbones, backbones.weights)
    settings = {"seed": seed, "test_share": test_share, "folds": folds, "image_size": image_size, "epochs": epochs}
    # None, as runs of earlier versions have none, and go on.
    same = {**settings, "fast": fast or None, **_fixed(found, turns or parts, backbones)}
    # The reason is kept for a run that goes on; it may well differ then, and need not be the same.
    claim(run, same if before else {**same, "why": backbones.why if backbones else None}, resume=resume)
    _write_down(run, found, audited, turns or parts)
    keep_table(run, corrections)
    _tell(found, parts, turns, progress)
    _tell_worst(audited, progress)

    given = {**settings, "fast": fast, "recipes": wanted, "budget": budget, "trials": trials}
    given |= {"corrections": _absolute(corrections), "track": track}
    climb = Climb(found, parts, options, run, cache_folder(), progress, backbones, listener=tracking.recipe)
    with tracking.begin({**given, "backbone": same["backbone"]}):
        results, model = climb_in_folds(chosen, climb, turns) if turns else climb_once(chosen, climb)
    results |= {**about_more_photos(climb), "settings": settled(source, file, backbones, given)}
    _leave(climb, results, model)
    tracking.finish(results)
    return Run(run)


def demo(  # noqa: PLR0913  as for `fit`
    out: str | PathLike[str],
    *,
    photos_per_class: int = 60,
    recipes: str = "all",
    backbone: str = choice.BUILT_IN,
    seed: int = 0,
    budget: float = 60.0,
    progress: Progress | None = None,
) -> Run:
    """Draw a furniture set beside the run folder and climb the ladder on it.

    Args:
        out: The run folder; the photos go to the same name with `-photos` behind it.
        photos_per_class: How many photos of each of the four classes.
        recipes: `all`, or names with commas.
        backbone: For the transfer recipes; the built-in one needs no network.
        seed: Another seed, another set.
        budget: Seconds that the search of `tuned` may take.
        progress: Where to tell how far it is; silent without.
    """
    progress = progress or Silent()
    run = Path(out)
    check_free(run)
    photos = run.with_name(f"{run.name}-photos")
    if photos.exists():
        progress.note(f"Using the photos that are in {photos}")
    else:
        unfinished = photos.with_name(f".{photos.name}.tmp")
        shutil.rmtree(unfinished, ignore_errors=True)  # what an interrupted demo left
        make_folder(unfinished)
        draw_furniture(unfinished, photos_per_class=photos_per_class, seed=seed, progress=progress)
        unfinished.replace(photos)
        progress.note(f"Drew {photos_per_class} photos of each class into {photos}")
    if backbone == choice.BUILT_IN:
        progress.note(f"Backbone: {backbone}, which is built in. {choice.for_the_default()}")
    return fit(photos, run, recipes=recipes, backbone=backbone, seed=seed, budget=budget, progress=progress)


def _recipes(names: str) -> tuple[Recipe, ...]:
    """The recipes of these names; what they need is looked for before any photo is."""
    chosen = choose_recipes(names)
    if any(recipe.needs_keras for recipe in chosen):
        try:
            check_backend()
        except MissingExtraError as problem:
            raise UserError(
                f"{problem}, or what needs none of it: --recipes linear --backbone {choice.BUILT_IN}"
            ) from None
    return chosen


def _backbones(
    asked: list[str] | None, given: Path | None, options: Options, before: dict[str, Any], progress: Progress
) -> Choice | None:
    """The backbones with their weights; None where they are to be measured, which takes the photos.

    Each is written as ONNX, where that was not done before, so that a wrong file stops the run before it trains. What a
    run chose itself (the default, or by measurement) it keeps when it goes on.
    """
    kept = before.get("backbone") if asked in (None, [choice.AUTO]) and given is None else None
    if kept is None and asked == [choice.AUTO]:
        return None
    chosen = choice.resolve(kept.split(",") if kept else asked, given, progress)
    if kept:
        chosen = replace(chosen, why=before.get("why") or chosen.why, by_name=False)
    for row in chosen.backbones:
        backbone_onnx(row, options.image_size or row.image_size, chosen.weights[row.name], cache_folder())
    return chosen


def _absolute(path: str | PathLike[str] | None) -> str | None:
    return None if path is None else str(Path(path).resolve())


def _fixed(found: Photos, parts: Split | Folds, backbones: Choice | None) -> dict[str, Any]:
    """What must be the same when a run goes on, beside the settings."""
    return {
        "backbone": ",".join(backbones.names) if backbones else None,
        "photos": found.fingerprint,
        "split": parts.fingerprint,
        "corrections": found.corrections.sha256 if found.corrections else None,
    }


def _write_down(run: Path, found: Photos, audited: Audit, parts: Split | Folds) -> None:
    """What is known of the photos before anything is trained."""
    photos = ((photo.path, photo.label, photo.content) for photo in found.items)
    write_csv(run / "photos.csv", ("path", "class", "sha256"), photos)
    write_csv(run / "split.csv", ("path", "class", "part", "group"), parts.rows())
    write_audit(run, audited, found.root)


def _check(options: Options, test_share: float, folds: int | None) -> None:
    check_share(test_share)
    if folds is not None:
        check_folds(folds)
    if options.epochs is not None and options.epochs < 1:
        raise OptionError(f"{options.epochs} epochs. Accepted: 1 or more.")
    if options.trials < 1 or options.budget <= 0:
        raise OptionError(
            f"{options.trials} trials in {options.budget} seconds. Accepted: at least one trial and some time."
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


def _check_together(asked: list[str] | None, folds: int | None) -> None:
    if folds and asked == [choice.AUTO]:
        raise OptionError(
            "With folds every photo is tested, so that none is left to choose a backbone with. "
            "Next: name it with --backbone, or leave --folds out."
        )


def _tell(photos: Photos, parts: Split, turns: Folds | None, progress: Progress) -> None:
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


def _leave(climb: Climb, results: dict[str, Any], model: Path) -> None:
    """Write what the whole run leaves; results.json comes last."""
    best = next(entry for entry in results["recipes"] if entry["name"] == results["best"]["recipe"])
    _draw_augmentation(climb)
    write_bytes(climb.run / "model.onnx", model.read_bytes())
    leave_explanations(climb.run, results, climb.progress, means_of(climb, best))
    write_report(climb.run, results)
    write_text(climb.run / CARD, model_card(climb.run, results, best))
    write_json(climb.run / "results.json", results)


def _draw_augmentation(climb: Climb) -> None:
    photo = decode(climb.photos.root / climb.split.train[0].path)
    tiles = examples(to_pixels(photo, PixelSpec(_EXAMPLE_SIZE)), seed=climb.options.seed)
    save_figure(augmentation(tiles), climb.run / "figures" / "augmentation.png")
