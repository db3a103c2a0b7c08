"""Copies among many photos: looked at once, then each piece of them compared with each other piece, by any engine.

The search is that of the audit (`photos/duplicates.py`), on two pieces at a time: what it finds in all photos at once
is found here, and no worker holds more than two pieces. Its work grows with the square of the number of photos.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from tellapart.errors import OptionError, RunFolderError, SourceError
from tellapart.files import json_bytes
from tellapart.photos.duplicates import find_duplicates, joined
from tellapart.scale.bulk import How, Work, check_made, fill, made
from tellapart.scale.folders import Folder, folder_of
from tellapart.scale.long_listing import Listing
from tellapart.scale.look_shard import look_shard, photos_of
from tellapart.scale.parquet import file_of, numbers, rows_of, texts, whole_numbers
from tellapart.scale.shards import FORMAT, MANIFEST, Shards
from tellapart.scale.sources import is_address
from tellapart.scale.tasks import Engine, Made, Shared, Task

PIECE: Final = 2_500  # photos; two pieces are seconds of work and 100 MB
_LARGEST: Final = 10_000
GROUPS: Final = "groups.parquet"
_LOOKS, _PAIRS = "looks", "pairs"


def copies_in_bulk(listing: Listing, out: str | os.PathLike[str], *, how: How | None = None) -> Mapping[str, Any]:
    """Find the photos of a listing that show the same, into `groups.parquet`.

    The same call on the same folder goes on where it was stopped.

    Args:
        listing: Which photos.
        out: A folder, or the address of one: new, empty, or begun by the same call. Workers read there.
        how: Engine, workers, photos a piece.

    Returns:
        What the manifest holds: photos, errors, groups, and how many photos are in them.

    Raises:
        UserError: Something that the user can mend; the message says how.
        ShardError: A part of the work could not be done; the others are kept.
    """
    how = how or How(shard_size=PIECE)
    if how.shard_size > _LARGEST:
        raise OptionError(f"--shard-size {how.shard_size}. Accepted: 1 to {_LARGEST}. Next: leave it out")
    engine = how.engine()
    place = os.fspath(out) if is_address(os.fspath(out)) else os.path.abspath(out)
    folder = folder_of(place)
    strangers = set(folder.strangers(MANIFEST)) - {_LOOKS, _PAIRS, GROUPS}
    if strangers:
        raise RunFolderError(
            f"{out} holds {min(strangers)} and no {MANIFEST}. Accepted: a new or empty folder. Next: another --out"
        )
    looks = made(Work("looks", look_shard, {}, b""), listing, f"{place}/{_LOOKS}", how, engine)
    pairs = _compared(looks, place, how, engine)
    told = _grouped(folder_of(f"{place}/{_PAIRS}"), pairs)
    manifest = {
        "format": FORMAT,
        "kind": "copies",
        "listing": looks["listing"],
        "photos": looks["rows"],
        "errors": looks["errors"],
        "groups": 1 + max(told["group"], default=-1),
        "in_groups": len(told["group"]),
    }
    columns = {"group": whole_numbers(told["group"]), "path": texts(told["path"])}
    folder.write(GROUPS, file_of(columns, {"kind": "copies"}))
    folder.write(MANIFEST, json_bytes(manifest))
    return manifest


def compare_shard(place: str, task: Task, shared: Shared) -> Made:  # noqa: ARG001  as every function has it
    """Compare the photos of two pieces, within each and across.

    The columns, a row a pair: one and other, the paths; row_one and row_other, their rows in the listing; kind;
    distance, as of `photos.duplicates.Pair`.

    Args:
        place: The folder of looks.
        task: Inputs `pieces`: of each its file, the SHA-256 of that, and the row of its first photo.
        shared: Nothing.

    Raises:
        SourceError: A piece is not what it was.
    """
    folder, photos, rows = folder_of(place), [], []
    for name, sha256, first in task.inputs["pieces"]:
        content = folder.read(name)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise SourceError(f"{place}/{name} has changed. Next: the same command again")
        for row, photo in enumerate(photos_of(content), first):
            if photo is not None:
                photos.append(photo)
                rows.append(row)
    pairs = find_duplicates(photos).pairs
    columns = {
        "one": texts([photos[pair.one].path for pair in pairs]),
        "other": texts([photos[pair.other].path for pair in pairs]),
        "row_one": whole_numbers([rows[pair.one] for pair in pairs]),
        "row_other": whole_numbers([rows[pair.other] for pair in pairs]),
        "kind": texts([pair.kind for pair in pairs]),
        "distance": numbers([pair.distance for pair in pairs]),
    }
    return Made(file_of(columns, {"kind": "pairs"}), {"rows": len(pairs), "errors": 0})


def _compared(looks: Mapping[str, Any], place: str, how: How, engine: Engine) -> Mapping[str, Any]:
    """Compare each piece with each other one; alone where there is no other."""
    pieces = [(shard["file"], shard["sha256"]) for shard in looks["shards"]]
    n_tasks = max(1, len(pieces) * (len(pieces) - 1) // 2)

    def tasks() -> Iterator[Task]:
        number = 0
        for one in range(len(pieces)):
            for other in range(one + 1, len(pieces)) if len(pieces) > 1 else (None,):
                both = [one] if other is None else [one, other]
                told = [[*pieces[piece], piece * how.shard_size] for piece in both]
                yield Task(f"part-{number:05}.parquet", {"pieces": told})
                number += 1

    job = {"kind": "pairs", "listing": looks["listing"], "shard_size": how.shard_size}
    with (
        Shards(f"{place}/{_PAIRS}", job).opened() as shards,
        how.progress.bar("Comparing", n_tasks) as bar,
    ):
        run = partial(engine.run, partial(compare_shard, f"{place}/{_LOOKS}"))
        check_made(fill(shards, tasks(), run, lambda _: bar.advance()))
        return shards.finish()


def _grouped(folder: Folder, pairs: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Photos that are joined by pairs, group by group in the order of the listing."""
    paths: dict[int, str] = {}
    links = set()
    for shard in pairs["shards"]:
        if shard["rows"]:
            for row in rows_of(folder.read(shard["file"]), ("one", "other", "row_one", "row_other")):
                paths[row["row_one"]], paths[row["row_other"]] = row["one"], row["other"]
                links.add((row["row_one"], row["row_other"]))
    rows = sorted(paths)
    places = {row: place for place, row in enumerate(rows)}
    groups = joined(len(rows), ((places[one], places[other]) for one, other in sorted(links)))
    members = [(number, paths[rows[place]]) for number, group in enumerate(groups) for place in group]
    return {"group": [number for number, _ in members], "path": [path for _, path in members]}
