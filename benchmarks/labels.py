"""How many planted wrong labels the audit finds, in some folders of class folders.

    python benchmarks/labels.py FOLDER... [--share 0.05] [--draws 4] [--cache DIR]

In each draw a share of all photos, taken by chance, gets another class, also by
chance. Told are the share of these within the first tenth of the list, how many
photos are called probably wrong, and of these how many are planted ones, have
the right class proposed, and how many of the planted ones they are. The row
`0` is the folder as it is: nothing is planted, and whatever is called probably
wrong is there of itself.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from tellapart.label_check import LISTED, check_labels
from tellapart.photos.duplicates import Duplicates, find_duplicates
from tellapart.photos.scan import Photos, scan
from tellapart.photos.split import groups_of
from tellapart.progress import Silent


def planted(photos: Photos, share: float, draw: int) -> tuple[Photos, dict[str, str]]:
    """The photos with some labels changed, and the true class of each of these."""
    chance = np.random.default_rng(draw)
    items, true = list(photos.items), {}
    for place in chance.permutation(len(items))[: round(share * len(items))].tolist():
        photo = items[place]
        others = [label for label in photos.classes if label != photo.label]
        true[photo.path] = photo.label
        items[place] = replace(photo, label=others[int(chance.integers(len(others)))])
    return replace(photos, items=tuple(items)), true


def measure(photos: Photos, duplicates: Duplicates, true: dict[str, str], cache: Path) -> list[float]:
    """Found in the first tenth; called probable; of these planted, rightly proposed; found among them."""
    groups = np.zeros(len(photos.items), dtype=int)
    for number, places in enumerate(groups_of(photos.items, duplicates)):
        groups[list(places)] = number
    check = check_labels(photos, groups, cache, Silent())
    first = {suspect.path for suspect in check.suspects[: round(LISTED * len(photos.items))]}
    hits = [suspect for suspect in check.probable if suspect.path in true]
    right = sum(suspect.proposed == true[suspect.path] for suspect in hits)
    n, n_true = max(1, len(check.probable)), max(1, len(true))
    return [len(first & true.keys()) / n_true, len(check.probable), len(hits) / n, right / n, len(hits) / n_true]


def main() -> None:
    """Print one table: a row a draw, and the mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--cache", type=Path, help="where features are kept; without it nowhere")
    options = parser.parse_args()
    say = sys.stdout.write
    say("| folder | draw | planted | in the first tenth | called probable | planted | rightly proposed | found so |\n")
    say(f"|{8 * '---|'}\n")
    with tempfile.TemporaryDirectory() as place:
        cache = options.cache or Path(place)
        for folder in options.folders:
            photos = scan(folder)
            # Copies are found by what they show, whatever their labels are.
            duplicates = find_duplicates(photos.items)
            draws = [planted(photos, options.share, draw) for draw in range(1, options.draws + 1)]
            measured = [measure(changed, duplicates, true, cache) for changed, true in draws]
            rows = [("0", 0, measure(photos, duplicates, {}, cache))]
            rows += [(f"{n}", len(draws[0][1]), row) for n, row in enumerate(measured, start=1)]
            rows.append(("mean", len(draws[0][1]), np.mean(measured, axis=0).tolist()))
            for name, n, (tenth, called, hits, right, found) in rows:
                shares = [f"{100 * share:.0f} %" if n else "" for share in (tenth, hits, right, found)]
                say(f"| {folder.name} | {name} | {n} | {shares[0]} | {called:.0f} | {' | '.join(shares[1:])} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
