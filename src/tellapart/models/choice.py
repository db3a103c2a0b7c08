"""Which backbones a run uses: named, the default, or chosen by measurement on the user's own photos."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from tellapart.errors import OptionError, StorageError, TellapartError, WeightsError
from tellapart.files import cache_folder
from tellapart.models.backbone_file import backbone_onnx
from tellapart.models.backbones import BACKBONES, Backbone, find_backbone
from tellapart.models.features import Source, pooled_features, source_of
from tellapart.models.forward import BATCH, Forward, in_batches
from tellapart.models.head_file import read_by_head
from tellapart.models.probe import cross_validated
from tellapart.models.weights import weights_at_hand, weights_path
from tellapart.photos.batches import label_numbers, pixels_of
from tellapart.photos.scan import Photo
from tellapart.progress import Progress, track
from tellapart.weights.pins import find_pin

DEFAULT: Final = "vgg16"
BUILT_IN: Final = "pocket"
AUTO: Final = "auto"
AUTO_SECONDS: Final = 120.0
_PER_CLASS: Final = 40
# With fewer mistakes than this no other backbone can be told to be better: were all six put
# right and none made anew, McNemar's exact test would just reach 5 % (2 x 0.5^6 = 0.03).
_MISTAKES: Final = 6


@dataclass(frozen=True)
class Trial:
    """One backbone tried on a sample.

    Attributes:
        backbone: Its name.
        accuracy: Of a linear head on its frozen features, in cross-validation.
        photos: In the sample.
        seconds: That it took.
    """

    backbone: str
    accuracy: float
    photos: int
    seconds: float


@dataclass(frozen=True)
class Choice:
    """The backbones of a run, each with its weights file, and why these.

    Attributes:
        backbones: In the order in which they are climbed.
        weights: The file of each, by name.
        why: In a sentence or two, for people.
        by_name: Whether the user asked for just these.
        trials: What was measured, where the choice was made by measurement.
    """

    backbones: tuple[Backbone, ...]
    weights: dict[str, Path]
    why: str
    by_name: bool = False
    trials: tuple[Trial, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names, in order."""
        return [backbone.name for backbone in self.backbones]


def read_names(asked: str, given: Path | None = None) -> list[str]:
    """Read names with commas, each checked.

    Args:
        asked: Such as `vgg16,pocket`, or `auto`.
        given: A weights file; it is of the one backbone named that is not built in.

    Raises:
        UnknownNameError: With the nearest names.
        OptionError: There is none, `auto` among others, or it is not clear whose the file is.
    """
    names = list(dict.fromkeys(name.strip() for name in asked.split(",") if name.strip()))
    if not names or (AUTO in names and len(names) > 1):
        raise OptionError(
            f"A backbone of '{asked}'. Accepted: one name, several with commas, or {AUTO} alone. "
            "Next: tellapart weights list"
        )
    if given is not None and (len(_files_of(names)) > 1 or AUTO in names):
        raise OptionError(
            f"One file with --weights for the backbones '{asked}'. "
            f"Next: tellapart weights add {given}, and no --weights"
        )
    for name in names:
        if name != AUTO:
            find_backbone(name)
    return names


def _files_of(names: Sequence[str]) -> list[str]:
    """The names whose weights a user can give: all but the built-in one, unless it stands alone."""
    return [name for name in names if name != BUILT_IN or len(names) == 1]


def resolve(names: Sequence[str] | None, given: Path | None, progress: Progress) -> Choice:
    """The backbones of these names, with their weights found or fetched.

    Args:
        names: None for the default: VGG16 where its weights are here or can be
            fetched, else the built-in backbone.
        given: A weights file, of the one backbone named that is not built in, or of the default.
        progress: Where it is told.

    Raises:
        WeightsError: The weights of one that was named cannot be had.
    """
    by_name = names is not None or given is not None
    backbones = tuple(find_backbone(name) for name in names or [DEFAULT])
    try:
        theirs = _files_of([row.name for row in backbones])
        weights = {row.name: weights_path(row, given if row.name in theirs else None, progress) for row in backbones}
    except (WeightsError, StorageError) as problem:
        if by_name:
            raise
        reason = str(problem).partition(" Next: ")[0].rstrip(".")
        why = (
            f"The built-in backbone {BUILT_IN} takes the place of {DEFAULT}, the default. {reason}. {for_the_default()}"
        )
        progress.note(why)
        return replace(resolve([BUILT_IN], None, progress), why=why, by_name=False)
    why = "Asked for by name." if by_name else f"{DEFAULT} is the default, and its weights are here."
    return Choice(backbones, weights, why, by_name)


def for_the_default() -> str:
    """What to type for VGG16, in one line."""
    megabytes = (find_pin(DEFAULT).size or 0) / 1e6
    return (
        f"For {DEFAULT} ({megabytes:.0f} MB): tellapart weights pull {DEFAULT}, or on a closed network "
        f"tellapart weights add FILE; then --backbone {DEFAULT}"
    )


def by_measurement(
    root: Path,
    photos: Sequence[Photo],
    progress: Progress,
    *,
    image_size: int | None = None,
    seconds: float = AUTO_SECONDS,
    candidates: Sequence[Backbone] | None = None,
) -> Choice:
    """Try the frozen features of the backbones at hand on a sample, cheapest first, and take the best.

    The score of each is the accuracy of a linear head in cross-validation, so
    neither validation nor test photos are looked at. It ends when the time is
    up, or when the best makes so few mistakes that none can be told to be better.

    Args:
        root: What the photos' paths are relative to.
        photos: Those to learn from.
        progress: Where it is told.
        image_size: In pixels; None for each backbone's own.
        seconds: The time for all of it; only a backbone whose forecast fits is tried.
        candidates: None for all whose weights are here.
    """
    end = time.monotonic() + seconds
    progress.note(f"Trying the backbones that are here, for {seconds:.0f} s at most")
    weights = _at_hand(candidates, progress)
    rows = sorted(weights, key=lambda row: find_pin(row.name).parameters * row.image_size**2)
    sample = _sample(photos)
    labels = label_numbers(sample, tuple(sorted({photo.label for photo in sample})))
    trials: list[Trial] = []
    left_out: list[str] = []
    for place, row in enumerate(rows):
        best = max((trial.accuracy for trial in trials), default=0.0)
        if trials and round((1 - best) * len(sample)) < _MISTAKES:
            rest = ", ".join(later.name for later in rows[place:])
            left_out.append(f"{rest} not tried, as none could be told to be better")
            break
        found = _features(source_of(row, image_size or row.image_size, weights[row]), root, sample, end, progress)
        if isinstance(found, str):
            left_out.append(found)
            continue
        features, spent = found
        start = time.monotonic()
        accuracy = cross_validated(features, labels)
        trials.append(Trial(row.name, accuracy, len(sample), round(spent + time.monotonic() - start, 1)))
        progress.note(f"{row.name}: {100 * accuracy:.1f} % of {len(sample)} photos in cross-validation")
    if not trials:
        raise OptionError(
            f"No backbone could be tried in {seconds:.0f} s ({'; '.join(left_out)}). Next: --backbone {BUILT_IN}"
        )
    winner = max(trials, key=lambda trial: trial.accuracy)  # of equal ones the first, which is the cheapest
    row = find_backbone(winner.backbone)
    return Choice((row,), {row.name: weights[row]}, _why(winner, trials, left_out, seconds), trials=tuple(trials))


def built_in_features(root: Path, photos: Sequence[Photo], *, cache: Path, progress: Progress) -> np.ndarray:
    """The pooled features of the built-in backbone, which is always there, (photos, channels), float32.

    What is said of the photos themselves (copies, labels) rests on these, so that it
    does not depend on the backbone of the run.
    """
    return pooled_features(source_of_run(None, None, progress), root, photos, cache=cache, progress=progress)


def source_of_run(choice: Choice | None, size: int | None, progress: Progress) -> Source:
    """Where a run's features come from: its first backbone; without one, the built-in.

    Args:
        choice: The backbones of the run, if any.
        size: In pixels; None for the backbone's own.
        progress: Where it is told.
    """
    if choice is None:
        row = find_backbone(BUILT_IN)
        return source_of(row, row.image_size, weights_path(row, None, progress))
    row = choice.backbones[0]
    return source_of(row, size or row.image_size, choice.weights[row.name])


def _sample(photos: Sequence[Photo]) -> list[Photo]:
    """The first photos of each class in the order of their content, which is as good as chance."""
    kept: dict[str, list[Photo]] = {}
    for photo in sorted(photos, key=lambda photo: photo.content):
        of_class = kept.setdefault(photo.label, [])
        if len(of_class) < _PER_CLASS:
            of_class.append(photo)
    return [photo for label in sorted(kept) for photo in kept[label]]


def _at_hand(candidates: Sequence[Backbone] | None, progress: Progress) -> dict[Backbone, Path]:
    """Those whose weights are here, with the file of each."""
    found = {row: weights_at_hand(row, progress) for row in candidates or BACKBONES.values()}
    return {row: path for row, path in found.items() if path is not None}


def _features(
    source: Source, root: Path, sample: Sequence[Photo], end: float, progress: Progress
) -> tuple[np.ndarray, float] | str:
    """The pooled features of the sample and the seconds they took, or why they were not computed."""
    start, name = time.monotonic(), source.backbone.name
    if start >= end:
        return f"{name} not tried, as the time was up"
    try:
        forward = Forward(backbone_onnx(source.backbone, source.spec.size, source.path, cache_folder()))
    except TellapartError as problem:
        return f"{name} not tried ({problem})"

    def means(batch: np.ndarray) -> np.ndarray:
        return read_by_head(forward, batch)

    pixels = pixels_of(root, sample, source.spec)
    first = [next(pixels) for _ in range(min(BATCH, len(sample)))]
    means(np.stack(first[:1]))  # the first run also allocates
    begun = time.monotonic()
    found = list(in_batches(means, first))
    needed = (time.monotonic() - begun) / len(first) * (len(sample) - len(first))
    if time.monotonic() + needed > end:
        return f"{name} not tried, as it would take {needed:.0f} s more"
    rest = in_batches(means, pixels)
    found += list(track(rest, f"Trying {name}", len(sample) - len(first), progress))
    return np.stack(found), time.monotonic() - start


def _why(winner: Trial, trials: Sequence[Trial], left_out: Sequence[str], seconds: float) -> str:
    told = ", ".join(f"{trial.backbone} {100 * trial.accuracy:.1f} %" for trial in trials)
    why = (
        f"{winner.backbone} was chosen by cross-validation of frozen features on {winner.photos} training photos, "
        f"within {seconds:.0f} s: {told}."
    )
    return why + (f" Left out: {'; '.join(left_out)}." if left_out else "")
