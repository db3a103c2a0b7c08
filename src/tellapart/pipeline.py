"""The main path: photos in, a run folder out. It reads like the README."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from tellapart.climb import Climb
from tellapart.cross_validation import climb_in_folds
from tellapart.demo.furniture_set import draw_furniture
from tellapart.errors import UnreadablePhotoError
from tellapart.explain.leave import leave_explanations
from tellapart.files import cache_folder, make_folder, write_bytes, write_csv, write_json, write_text
from tellapart.forecast import after_training, keep_times, plan, timed
from tellapart.holding import Hold
from tellapart.kept_means import means_of
from tellapart.label_check import full_audit
from tellapart.models import choice
from tellapart.models.backbone_file import backbone_onnx
from tellapart.models.choice import Choice
from tellapart.models.recipes import Recipe, on_backbones
from tellapart.models.task import Options
from tellapart.more_photos import about_more_photos
from tellapart.needs import tell_needs
from tellapart.opening import check_backbones, check_settings, recipes_named, tell
from tellapart.photos.audit import Audit
from tellapart.photos.audit_files import write_audit
from tellapart.photos.augment import examples
from tellapart.photos.corrections import keep_table, scan_corrected
from tellapart.photos.decode import decode
from tellapart.photos.folds import Folds, cut_into_folds
from tellapart.photos.pixels import PixelSpec, to_pixels
from tellapart.photos.scan import Photos
from tellapart.photos.split import Split, split
from tellapart.progress import Progress, Silent
from tellapart.report.figures import augmentation
from tellapart.report.model_card import FILE as CARD
from tellapart.report.model_card import model_card
from tellapart.report.page import write_report
from tellapart.report.style import save_figure
from tellapart.results import climb_once
from tellapart.run import Run, check_free, claim, keep_apart, settings_of
from tellapart.settings import settled
from tellapart.temporaries import sweep
from tellapart.tracking.trackers import trackers
from tellapart.training_tasks import trainings_on
from tellapart.trial_tasks import with_trials_on
from tellapart.weights.offline import forbid_network, offline

_EXAMPLE_SIZE = 160


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
    budget: float | None = None,
    search_time: float = 300.0,
    trials: int = 30,
    fast: bool = False,
    corrections: str | PathLike[str] | None = None,
    track: str | None = None,
    on: str | None = None,
    workers: int | None = None,
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
        budget: Seconds for the whole run, kept within 10 %; None sets no limit. With a budget it depends on the
            clock which steps are cut short or left out; `forecast` and `notes` of results.json name them.
        search_time: Seconds that the search of `tuned` may take.
        trials: How many trials that search may make.
        fast: Compute the features of training photos in 8 bits, which is faster; what is validated,
            tested and handed over stays in float32.
        corrections: A table of labels to correct and photos to leave out, as `tellapart audit --apply`
            proposes; the photos themselves are not touched.
        track: Log to `tensorboard`, `mlflow`, or both with a comma: into `tracking/` of the run folder, or
            to the server of MLFLOW_TRACKING_URI.
        on: By the processes of this machine (`local`) or a Ray cluster (`ray`, `ray://HOST:PORT`), each on one core:
            all trainings of `folds` side by side, or without folds the trials of `tuned`. None trains one after the
            other, on all cores.
        workers: Trainings or trials at once; None for one a core.
        resume: Go on with the run that `out` holds.
        progress: Where to tell how far it is; silent without.

    Raises:
        UserError: Something that the user can mend; the message says how.
        TrainingError: A training failed; with `on` the others are kept.
    """
    start = time.perf_counter()
    if offline():
        forbid_network()
    progress, source, run = progress or Silent(), Path(photos), Path(out)
    chosen = with_trials_on(recipes_named(recipes), on, workers, folds=folds, size=image_size, progress=progress)
    tracking, trainings = trackers(track, run, progress), trainings_on(on, workers, folds)
    options = Options(seed, image_size, epochs, None, None, search_time, trials, fast)
    check_settings(options, test_share, folds, budget)
    keep_apart(source, run)
    with Hold(run) as hold:
        transfer, wanted = any(recipe.transfer for recipe in chosen), ",".join(recipe.name for recipe in chosen)
        file, before = Path(weights) if weights else None, settings_of(run) if resume else {}
        asked = choice.read_names(backbone, file) if backbone is not None else None
        check_backbones(asked, folds)

        # Before the backbones: a wrong folder should not be told after a download.
        found = scan_corrected(source, corrections, progress, cache_folder())
        backbones = _backbones(asked, file, options, before, progress) if transfer else None
        audited = full_audit(found, cache_folder(), progress, test_share=1.0 if folds else test_share)
        turns, parts = _divided(found, audited, folds=folds, test_share=test_share, seed=seed)
        if transfer and backbones is None:
            backbones = choice.by_measurement(found.root, parts.train, progress, image_size=image_size)
        if backbones is not None:
            chosen = on_backbones(chosen, backbones.backbones, backbones.weights)
        settings = {"seed": seed, "test_share": test_share, "folds": folds, "image_size": image_size, "epochs": epochs}
        # None, as runs of earlier versions have none, and go on.
        same = {**settings, "fast": fast or None, **_fixed(found, turns or parts, backbones)}
        climb = Climb(found, parts, options, run, cache_folder(), progress, backbones, listener=tracking.recipe)
        climb = replace(climb, schedule=None if turns else plan(climb, chosen, budget, start))
        # The reason is kept for a run that goes on; it may well differ then, and need not be the same.
        claim(run, same if before else {**same, "why": backbones.why if backbones else None}, resume=resume, hold=hold)
        keep_table(run, corrections)
        _write_down(climb, audited, turns or parts)
        _tell(climb, audited, turns, chosen)

        given = settings | {"fast": fast, "recipes": wanted, "budget": budget, "search_time": search_time}
        given |= {"trials": trials, "corrections": _absolute(corrections), "track": track, "on": on}
        with tracking.begin({**given, "backbone": same["backbone"]}):
            results, model = climb_in_folds(chosen, climb, turns, trainings) if turns else climb_once(chosen, climb)
        fits = climb.schedule.fitting(after_training(climb.cache)) if climb.schedule else _always
        results["settings"] = settled(source, file, backbones, given)
        _leave(climb, results, model, chosen, fits)
        tracking.finish(results)
    return Run(run)


def demo(  # noqa: PLR0913  as for `fit`
    out: str | PathLike[str],
    *,
    photos_per_class: int = 60,
    recipes: str = "all",
    backbone: str = choice.BUILT_IN,
    seed: int = 0,
    budget: float | None = None,
    search_time: float = 60.0,
    resume: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Draw a furniture set beside the run folder and climb the ladder on it.

    Args:
        out: The run folder; the photos go to the same name with `-photos` behind it.
        photos_per_class: How many photos of each of the four classes.
        recipes: `all`, or names with commas.
        backbone: For the transfer recipes; the built-in one needs no network.
        seed: Another seed, another set.
        budget: Seconds for the whole run, after the photos are drawn; None sets no limit.
        search_time: Seconds that the search of `tuned` may take.
        resume: Go on with the demo that `out` holds.
        progress: Where to tell how far it is; silent without.
    """
    progress = progress or Silent()
    run = Path(out)
    if not resume:
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
    limits: dict[str, Any] = {"budget": budget, "search_time": search_time, "resume": resume}
    return fit(photos, run, recipes=recipes, backbone=backbone, seed=seed, progress=progress, **limits)


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


def _divided(
    found: Photos, audited: Audit, *, folds: int | None, test_share: float, seed: int
) -> tuple[Folds | None, Split]:
    """The folds, where there are any, and the photos to learn from, to validate with and to test."""
    if not folds:
        return None, split(found, test_share=test_share, seed=seed, duplicates=audited.duplicates)
    turns = cut_into_folds(found, audited.duplicates, n_folds=folds, seed=seed)
    return turns, turns.whole()


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


def _tell(climb: Climb, audited: Audit, turns: Folds | None, recipes: Sequence[Recipe]) -> None:
    """What can be told before anything is trained."""
    tell(climb, audited, turns)
    tell_needs(climb, recipes)


def _write_down(climb: Climb, audited: Audit, parts: Split | Folds) -> None:
    """What is known of the photos before anything is trained; what a process that was killed left is removed."""
    sweep(climb.cache)
    run, found = climb.run, climb.photos
    photos = ((photo.path, photo.label, photo.content) for photo in found.items)
    write_csv(run / "photos.csv", ("path", "class", "sha256"), photos)
    write_csv(run / "split.csv", ("path", "class", "part", "group"), parts.rows())
    write_audit(run, audited, found.root)


def _leave(
    climb: Climb, results: dict[str, Any], model: Path, chosen: Sequence[Recipe], fits: Callable[[str], bool]
) -> None:
    """Write what the whole run leaves; results.json comes last.

    Args:
        climb: The run.
        results: What results.json will hold.
        model: The file of the chosen recipe.
        chosen: The recipes that were asked for.
        fits: What tells whether a part of what comes after training still fits.
    """
    best = next(entry for entry in results["recipes"] if entry["name"] == results["best"]["recipe"])
    spent = _explain(climb, results, model, best, fits)
    schedule = climb.schedule
    if schedule:
        results["notes"] += schedule.unexplained
        results["forecast"] = schedule.as_json(after_training(climb.cache)["report"])
    spent["report"] = timed(lambda: write_report(climb.run, results))
    write_text(climb.run / CARD, model_card(climb.run, results, best))
    if schedule:
        keep_times(climb, chosen, results, spent)
        # What the page says stays, so that the same page can be made anew; this is with the page's own time.
        results["forecast"]["ended"] = schedule.as_json()["took"]
        climb.progress.note(schedule.told_after())
    write_json(climb.run / "results.json", results)


def _explain(
    climb: Climb, results: dict[str, Any], model: Path, best: Mapping[str, Any], fits: Callable[[str], bool]
) -> dict[str, float]:
    """Explain the run, and ask its photos whether more of them would help; seconds of each part."""
    asked, start = fits("more"), time.perf_counter()
    with about_more_photos(climb) if asked else nullcontext(dict) as more:
        begun = time.perf_counter() - start
        _draw_augmentation(climb)
        write_bytes(climb.run / "model.onnx", model.read_bytes())
        spent = leave_explanations(climb.run, results, climb.progress, means_of(climb, best), fits)
        waited = timed(lambda: results.update(more()))
        return spent | ({"more": begun + waited} if asked else {})


def _always(_: str) -> bool:
    return True


def _draw_augmentation(climb: Climb) -> None:
    """Draw what augmentation makes of a photo; one that has gone since it was scanned is passed over."""
    for photo in climb.split.train:
        with suppress(UnreadablePhotoError):
            picture = to_pixels(decode(climb.photos.root / photo.path), PixelSpec(_EXAMPLE_SIZE))
            tiles = examples(picture, seed=climb.options.seed)
            save_figure(augmentation(tiles), climb.run / "figures" / "augmentation.png")
            return
