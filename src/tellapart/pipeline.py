"""The main path: photos in, a run folder out. It reads like the README."""

from os import PathLike
from pathlib import Path

from tellapart.climb import Climb, climb_step
from tellapart.errors import OptionError, PhotosError
from tellapart.files import cache_folder, write_bytes, write_csv, write_json
from tellapart.models.backbones import find_backbone
from tellapart.models.recipes import choose_recipes
from tellapart.models.task import Options
from tellapart.models.weights import weights_path
from tellapart.photos.augment import examples
from tellapart.photos.decode import decode
from tellapart.photos.pixels import PixelSpec, to_pixels
from tellapart.photos.scan import Photos, scan
from tellapart.photos.split import Split, split
from tellapart.progress import Progress, Silent
from tellapart.report.figures import augmentation
from tellapart.report.page import write_report
from tellapart.report.style import save_figure
from tellapart.results import put_together
from tellapart.run import Run, claim

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
        resume: Go on with the run that `out` holds.
        progress: Where to tell how far it is; silent without.

    Raises:
        UserError: Something that the user can mend; the message says how.
    """
    progress = progress or Silent()
    source, run = Path(photos), Path(out)
    chosen = choose_recipes(recipes)
    options = Options(seed, image_size, epochs, find_backbone(backbone), None, budget, trials)
    _check(options)
    _keep_apart(source, run)
    if any(recipe.transfer for recipe in chosen):
        path = weights_path(find_backbone(backbone), Path(weights) if weights else None, progress)
        options = Options(seed, image_size, epochs, find_backbone(backbone), path, budget, trials)

    found = scan(source, progress)
    parts = split(found, test_share=test_share, seed=seed)
    settings = {"seed": seed, "test_share": test_share, "image_size": image_size, "epochs": epochs}
    same = {**settings, "backbone": backbone, "photos": found.fingerprint, "split": parts.fingerprint}
    claim(run, same, resume=resume)
    write_csv(run / "split.csv", ("path", "class", "part", "group"), parts.rows())
    _tell(found, parts, progress)

    climb = Climb(found, parts, options, run, cache_folder(), progress)
    entries = [climb_step(recipe, climb) for recipe in chosen]
    results = put_together(climb, chosen, entries)

    _draw_augmentation(climb)
    write_bytes(run / "model.onnx", (run / "recipes" / results["best"]["recipe"] / "model.onnx").read_bytes())
    write_report(run, results)
    write_json(run / "results.json", results)
    return Run(run)


def _check(options: Options) -> None:
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
