"""Runs side by side: their scores, paired tests where they tested the same photos, and what differs between them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from os import PathLike
from pathlib import Path
from typing import Any, Final

from tellapart.differences import entries_of, environment_of, settings_of, weights_of
from tellapart.errors import OptionError, RunFolderError, UnknownNameError
from tellapart.evaluation.comparison import points
from tellapart.files import make_folder, write_json
from tellapart.notebook import Table
from tellapart.paired_runs import Paired, paired
from tellapart.report.compare_page import write_compare_page
from tellapart.report.run_folder import read_run
from tellapart.run import Run
from tellapart.shared_photos import Shared, shared_photos
from tellapart.words import counted

FILE: Final = "compare.json"
# Five equal votes are no proof at 5 % (2 / 2^5 = 0.06): with fewer than six no test can tell anything.
_FEWEST: Final = 6
_SCORES: Final = ("n", "accuracy", "accuracy_low", "accuracy_high", "macro_f1", "log_loss")


@dataclass(frozen=True)
class Score:
    """One recipe of one run; `test` has the scores of the run's own test photos, `seconds` its whole time."""

    run: str
    recipe: str
    chosen: bool
    backbone: str | None
    test: dict[str, float]
    seconds: float

    @property
    def name(self) -> str:
        """Run and recipe, as the comparisons name them."""
        return f"{self.run}/{self.recipe}"


@dataclass(frozen=True)
class Ground:
    """What two runs can be compared on.

    Attributes:
        a: The first run.
        b: The second.
        photos: How many test photos they share; 0 where nothing is compared.
        same_test: Whether these are all the test photos of both.
        sentence: In words.
    """

    a: str
    b: str
    photos: int
    same_test: bool
    sentence: str


@dataclass(frozen=True)
class SideBySide:
    """Runs side by side.

    Attributes:
        runs: Name -> folder, in the order given.
        classes: What they tell apart.
        scores: Of the chosen recipe of each run, or of those asked for.
        grounds: Of each pair of runs.
        comparisons: Paired tests; none where runs share no test photos.
        differences: (what, its value in each run), for what is not the same in all.
        conclusion: One sentence.
    """

    runs: dict[str, str]
    classes: list[str]
    scores: list[Score]
    grounds: list[Ground]
    comparisons: list[Paired]
    differences: list[tuple[str, list[str]]]
    conclusion: str

    def as_json(self) -> dict[str, Any]:
        """What compare.json holds."""
        flat = [
            {"photos": pair.photos, "accuracy_a": pair.accuracy_a, "accuracy_b": pair.accuracy_b}
            | asdict(pair.comparison)
            for pair in self.comparisons
        ]
        told = asdict(self) | {"comparisons": flat}
        return {
            "format": 1,
            **told,
            "scores": [{**asdict(score), "name": score.name} for score in self.scores],
            "differences": [{"what": what, "values": values} for what, values in self.differences],
        }

    def table(self) -> Table:
        """The scores: a row a recipe of a run, the chosen one marked with a star."""
        columns = ("run", "recipe", "backbone", "photos", "test", "95 % interval", "macro F1", "log loss", "seconds")
        rows = [
            (
                score.run,
                score.recipe + (" *" if score.chosen else ""),
                score.backbone or "-",
                f"{score.test['n']:.0f}",
                f"{score.test['accuracy']:.3f}",
                f"{score.test['accuracy_low']:.3f} to {score.test['accuracy_high']:.3f}",
                f"{score.test['macro_f1']:.3f}",
                f"{score.test['log_loss']:.3f}",
                f"{score.seconds:.0f}",
            )
            for score in self.scores
        ]
        return Table(columns, tuple(rows))


def compare(
    runs: Sequence[str | PathLike[str]], *, recipes: str | None = None, out: str | PathLike[str] | None = None
) -> SideBySide:
    """Put runs side by side, and test in pairs where they tested the same photos.

    All tests of one call are corrected together (Holm), groups of copies have one
    vote, and a photo counts only where neither of two runs learned from it.

    Args:
        runs: Folders of two or more finished runs that tell the same classes apart.
        recipes: Names with commas: each is compared with itself in the other runs. None compares
            the chosen recipes.
        out: A folder for compare.html and compare.json.

    Raises:
        OptionError: Fewer than two runs, the same one twice, or other classes.
        RunFolderError: One is no finished run, or of another format.
        UnknownNameError: No run has a recipe of that name.
    """
    opened = _opened([Path(run) for run in runs])
    classes = _same_classes(opened)
    wanted = _wanted(opened, recipes)
    shared = {(a, b): shared_photos(opened[a], opened[b]) for a, b in combinations(opened, 2)}
    grounds = [_ground(a, b, photos) for (a, b), photos in shared.items()]
    usable = {(ground.a, ground.b): shared[ground.a, ground.b] for ground in grounds if ground.photos}
    asked = {(a, b): _asked(wanted[a], wanted[b], by_name=recipes is not None) for a, b in usable}
    comparisons = paired(opened, usable, asked)
    found = SideBySide(
        {name: str(run.folder) for name, run in opened.items()},
        classes,
        [_score(label, run, name) for label, run in opened.items() for name in wanted[label]],
        grounds,
        comparisons,
        _differences(list(opened.values())),
        _conclusion(grounds, comparisons),
    )
    if out is not None:
        folder = make_folder(Path(out))
        write_json(folder / FILE, found.as_json())
        write_compare_page(folder)
    return found


def _opened(folders: Sequence[Path]) -> dict[str, Run]:
    """The runs by a short name of their own."""
    if len(folders) < 2:
        raise OptionError(f"{counted(len(folders), 'run')}. Accepted: two or more. Next: tellapart compare RUN RUN")
    places = [folder.resolve() for folder in folders]
    twice = next((folder for folder, place in zip(folders, places, strict=True) if places.count(place) > 1), None)
    if twice is not None:
        raise OptionError(f"{twice} is given twice. Accepted: runs that differ. Next: leave one of them out")
    for folder in folders:
        if (folder / "run.json").is_file() and not (folder / "results.json").is_file():
            raise RunFolderError(f"{folder} is not finished. Next: tellapart fit PHOTOS --out {folder} --resume")
        read_run(folder)
    return dict(zip(_names(places), (Run(folder) for folder in folders), strict=True))


def _names(places: Sequence[Path]) -> list[str]:
    """The last parts of each path, as many as tell them apart."""
    for depth in range(1, max(len(place.parts) for place in places)):
        names = ["/".join(place.parts[1:][-depth:]) for place in places]
        if len(set(names)) == len(names):
            return names
    return [str(place) for place in places]


def _same_classes(runs: Mapping[str, Run]) -> list[str]:
    (first, run), *others = runs.items()
    classes: list[str] = run.results["photos"]["classes"]
    for name, other in others:
        theirs = other.results["photos"]["classes"]
        if set(theirs) != set(classes):
            raise OptionError(
                f"{first} tells {', '.join(classes)} apart and {name} {', '.join(theirs)}: other classes have no "
                "score in common. Accepted: runs of the same classes. Next: leave one of them out"
            )
    return classes


def _wanted(runs: Mapping[str, Run], recipes: str | None) -> dict[str, list[str]]:
    """Which recipes of each run are shown."""
    if recipes is None:
        return {label: [run.best] for label, run in runs.items()}
    names = list(dict.fromkeys(name.strip() for name in recipes.split(",") if name.strip()))
    if not names:
        raise OptionError("No recipe. Accepted: names with commas, as baseline,bottleneck. Next: name one.")
    known = {name for run in runs.values() for name in entries_of(run)}
    for name in names:
        if name not in known:
            raise UnknownNameError("recipe of these runs", name, known)
    return {label: [name for name in names if name in entries_of(run)] for label, run in runs.items()}


def _asked(ours: Sequence[str], theirs: Sequence[str], *, by_name: bool) -> list[tuple[str, str]]:
    """Each recipe with itself in the other run; the two chosen ones, whatever they are called."""
    return [(name, name) for name in ours if name in theirs] if by_name else [(ours[0], theirs[0])]


def _score(label: str, run: Run, name: str) -> Score:
    entry = entries_of(run)[name]
    test = {what: entry["test"][what] for what in _SCORES}
    return Score(label, name, name == run.best, entry.get("backbone"), test, entry["seconds"]["total"])


def _ground(a: str, b: str, shared: Shared) -> Ground:
    n, (n_a, n_b) = len(shared.first), shared.tested
    if shared.whole:
        return Ground(a, b, n, True, f"{a} and {b} were tested on the same {n} photos, and are compared on these.")
    if shared.unknown:
        told = f"whether {a} and {b} were tested on the same photos is not known ({shared.unknown})"
        return Ground(a, b, 0, False, f"Not compared in pairs: {told}.")
    out = [
        f"{counted(count, 'test photo')} {what}"
        for count, what in (
            (shared.learned, "of one that the other learned from"),
            (shared.relabelled, "under another class"),
        )
        if count
    ]
    left = f" (left out: {'; '.join(out)})" if out else ""
    if shared.n_groups < _FEWEST:
        few = f"share only {n} test photos, too few for any test" if n else "share no test photos"
        return Ground(a, b, 0, False, f"Not compared in pairs: {a} and {b} {few}{left}.")
    told = f"{a} was tested on {n_a} photos and {b} on {n_b}; they are compared on the {n} that both tested"
    return Ground(a, b, n, False, f"{told} and neither learned from{left}.")


def _differences(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """What is not the same in all runs: photos and split, settings, recipes, weights, versions and machine."""
    told = [
        {
            "photos": _brief(run.results["photos"].get("fingerprint")),
            "split": _brief(run.results["split"].get("fingerprint")),
            "corrections": _brief((run.results["photos"].get("corrections") or {}).get("sha256")),
            **{name.replace("_", " "): value for name, value in settings_of(run).items()},
            "chosen recipe": run.best,
            **{f"weights of {name}": _brief(digest) for name, digest in weights_of(run).items()},
            **environment_of(run),
        }
        for run in runs
    ]
    names = dict.fromkeys(name for each in told for name in each)
    rows = [(name, ["-" if each.get(name) is None else str(each[name]) for each in told]) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _brief(digest: str | None) -> str | None:
    return digest[:12] if digest else None


def _conclusion(grounds: Sequence[Ground], comparisons: Sequence[Paired]) -> str:
    """One sentence on what follows."""
    if not comparisons:
        return (
            "Which is better cannot be said: these runs share no test photos that both may be judged by, so that "
            "their scores stand beside each other with their intervals and no test was made."
        )
    ground = _on(grounds, comparisons)
    if len(comparisons) == 1:
        return f"{ground}: {comparisons[0].comparison.verdict}."
    beaten: dict[str, list[str]] = {}
    level = []
    for pair in (each.comparison for each in comparisons):
        if not pair.told_apart:
            level.append(f"{pair.b} and {pair.a}")
            continue
        better, worse = (pair.b, pair.a) if pair.difference > 0 else (pair.a, pair.b)
        beaten.setdefault(better, []).append(f"{worse} ({points(abs(pair.difference))})")
    told = [f"{better} is better than {_listed(worse)}" for better, worse in beaten.items()]
    if not told:
        told.append(f"none of the {len(level)} pairs can be told apart by accuracy")
    elif level:
        told.append(f"{'; '.join(level[:3])}{' (and other pairs)' if len(level) > 3 else ''} cannot be told apart")
    return f"{ground}: {'; '.join(told)}."


def _on(grounds: Sequence[Ground], comparisons: Sequence[Paired]) -> str:
    sizes = {pair.photos for pair in comparisons}
    used = [ground for ground in grounds if ground.photos]
    if len(sizes) > 1 or len(used) < len(grounds):
        return "On the test photos that each pair of runs shares"
    same = all(ground.same_test for ground in used)
    return f"On the same {sizes.pop()} test photos" if same else f"On the {sizes.pop()} test photos that both share"


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
