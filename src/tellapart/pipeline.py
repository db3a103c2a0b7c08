"""The main path: photos in, a run folder out. It reads like the README."""

import shutil
from dataclasses import replace
from os import PathLike
from pathlib import Path

from tellapart.climb import Climb, climb_step
from tellapart.demo.furniture_set import draw_furniture
from tellapart.errors import OptionError, PhotosError, WeightsError
from tellapart.files import cache_folder, make_folder, write_bytes, write_csv, write_json
from tellapart.models.backbones import find_backbone
from tellapart.models.features import load_pretrained
from tellapart.models.recipes import Recipe, choose_recipes
from tellapart.models.task import Options
from tellapart.models.weights import weights_path
from tellapart.photos.augment import examples
from tellapart.photos.decode import decode
from tellapart.photos.pixels import PixelSpec, to_pixels
from tellapart.photos.scan import Photos, scan
from tellapart.photos.split import Split, check_share, split
from tellapart.progress import Progress, Silent
from tellapart.report.figures import augmentation
from tellapart.report.page import write_report
from tellapart.report.style import save_figure
from tellapart.results import put_together
from tellapart.run import Run, check_free, claim

_EXAMPLE_SIZE = 160


def fit(  # noqa: PLR0913  the one public door names every setting that a user has
    photos: str | PathLike[str],
    out: str | PathLike[str],
    *,
    recipes: str = "all",
    backbone: str = "vgg16",
    weights: str | PathLike[str] | None = None,
    image_size: int | None = None,
    test_share: float = 0.2,
    seed: int = 0,
    epochs: int | None = None,
    budget: float = 300.0,
    trials: int = 30,
    skip_missing: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Climb the ladder on a folder of photos, choose a recipe, and write a run folder.

    Args:
        photos: A folder with one sub-folder per class, a CSV file with the columns
            `path,label` (and optionally `part`), or an `imagefolder`.
        out: The run folder; it must be new, or hold the same run with `resume`.
        recipes: `all`, or names with commas.
        backbone: For the transfer recipes; any name of `keras.applications`.
        weights: Its weights file; without it they are looked for and fetched.
        image_size: In pixels, for every recipe; without it each has its own.
        test_share: Share of each class that is set aside, 0.05 to 0.5.
        seed: Fixes split, weights, order, augmentation and search.
        epochs: A ceiling for every recipe.
        budget: Seconds that the search of `tuned` may take.
        trials: How many trials that search may make.
        skip_missing: Leave the transfer recipes out where their weights cannot be had,
            instead of stopping.
        resume: Go on with the run that `out` holds.
        progress: Where to tell how far it is; silent without.

    Raises:
        UserError: Something that the user can mend; the message says how.
    """
    progress = progress or Silent()
    source, run = Path(photos), Path(out)
    chosen = choose_recipes(recipes)
    options = Options(seed, image_size, epochs, find_backbone(backbone), None, budget, trials)
    _check(options, test_share)
    _keep_apart(source, run)
    chosen, path, notes = _with_weights(chosen, options, Path(weights) if weights else None, skip_missing, progress)
    options = replace(options, weights=path)

    found = scan(source, progress)
    parts = split(found, test_share=test_share, seed=seed)
    settings = {"seed": seed, "test_share": test_share, "image_size": image_size, "epochs": epochs}
    same = {**settings, "backbone": backbone, "photos": found.fingerprint, "split": parts.fingerprint}
    claim(run, same, resume=resume)
    write_csv(run / "split.csv", ("path", "class", "part", "group"), parts.rows())
    _tell(found, parts, progress)

    climb = Climb(found, parts, options, run, cache_folder(), progress, notes)
    entries = [climb_step(recipe, climb) for recipe in chosen]
    results = put_together(climb, chosen, entries)

    _draw_augmentation(climb)
    write_bytes(run / "model.onnx", (run / "recipes" / results["best"]["recipe"] / "model.onnx").read_bytes())
    write_report(run, results)
    write_json(run / "results.json", results)
    return Run(run)


def demo(
    out: str | PathLike[str],
    *,
    photos_per_class: int = 60,
    recipes: str = "all",
    seed: int = 0,
    budget: float = 60.0,
    progress: Progress | None = None,
) -> Run:
    """Draw a furniture set beside the run folder and climb the ladder on it.

    Args:
        out: The run folder; the photos go to the same name with `-photos` behind it.
        photos_per_class: How many photos of each of the four classes.
        recipes: `all`, or names with commas; transfer recipes are left out, and said
            to be, where VGG16's weights cannot be had.
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
    return fit(photos, run, recipes=recipes, seed=seed, budget=budget, skip_missing=True, progress=progress)


def _with_weights(
    chosen: tuple[Recipe, ...], options: Options, given: Path | None, skip_missing: bool, progress: Progress
) -> tuple[tuple[Recipe, ...], Path | None, tuple[str, ...]]:
    """The recipes that can run, the backbone's weights, and a note where recipes are left out."""
    transfer = [recipe.name for recipe in chosen if recipe.transfer]
    if not transfer or options.backbone is None:
        return chosen, None, ()
    try:
        path = weights_path(options.backbone, given, progress)
        # Loaded once here, so that a file of another network stops the run before it trains anything.
        load_pretrained(options.backbone, options.image_size or options.backbone.image_size, path)
        return chosen, path, ()
    except WeightsError as problem:
        remaining = tuple(recipe for recipe in chosen if not recipe.transfer)
        if given is not None or not skip_missing or not remaining:
            raise
        note = f"Left out: {', '.join(transfer)}. {problem}"
        progress.note(note)
        return remaining, None, (note,)


def _check(options: Options, test_share: float) -> None:
    check_share(test_share)
    if options.epochs is not None and options.epochs < 1:
        raise OptionError(f"{options.epochs} epochs. Accepted: 1 or more.")
    if options.trials < 1 or options.budget <= 0:
        raise OptionError(
            f"{options.trials} trials in {options.budget} seconds. Accepted: at least one trial and some time."
        )
    if options.image_size is not None:
        PixelSpec(options.image_size)


def _keep_apart(source: Path, run: Path) -> None:
    if source.is_dir() and source.resolve() in (run.resolve(), *run.resolve().parents):
        raise PhotosError(
            f"The run folder {run} lies inside the photos {source}, and would be taken for a class. "
            "Next: another folder with --out"
        )


def _tell(photos: Photos, parts: Split, progress: Progress) -> None:
    counts = ", ".join(f"{label} {count}" for label, count in photos.counts.items())
    progress.note(f"{len(photos.items)} photos: {counts}")
    progress.note(
        f"{len(parts.train)} to learn from, {len(parts.valid)} to validate, {len(parts.test)} set aside for the test"
    )
    if parts.groups:
        n_groups = len(set(parts.groups.values()))
        progress.note(f"{n_groups} groups of exact duplicates, each kept on one side of the split")
    for item in photos.excluded[:10]:
        progress.note(f"left out: {item.path} ({item.reason})")
    if len(photos.excluded) > 10:
        progress.note(f"and {len(photos.excluded) - 10} more; all are listed in results.json")


def _draw_augmentation(climb: Climb) -> None:
    photo = decode(climb.photos.root / climb.split.train[0].path)
    tiles = examples(to_pixels(photo, PixelSpec(_EXAMPLE_SIZE)), seed=climb.options.seed)
    save_figure(augmentation(tiles), climb.run / "figures" / "augmentation.png")
