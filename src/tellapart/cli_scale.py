"""`tellapart embed`, and `tellapart predict --out FOLDER`: many photos into Parquet, on this machine or a cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer

from tellapart.cli_weights import Offline
from tellapart.errors import OptionError, unread_photos
from tellapart.printing import echo, quiet
from tellapart.stopping import heed_interrupts
from tellapart.weights.offline import forbid_network
from tellapart.words import counted

Photos = Annotated[
    list[str],
    typer.Argument(
        help="Photos, folders, patterns such as 'photos/**/*.jpg'; - reads names from input, @FILE from a file; "
        "with --out FOLDER also .parquet tables with a column path, .tar files, and addresses such as s3://bucket/dir."
    ),
]
On = Annotated[str, typer.Option("--on", help="With --out FOLDER: local, ray, or ray://HOST:PORT.")]
Workers = Annotated[int | None, typer.Option(help="With --out FOLDER: processes at once; one a core without.")]
TrainOn = Annotated[
    str | None,
    typer.Option("--on", help="Train folds, or the trials of `tuned`, side by side: local, ray, or ray://HOST:PORT."),
]
TrainWorkers = Annotated[int | None, typer.Option("--workers", help="With --on: trainings at once; else one a core.")]
ShardSize = Annotated[int, typer.Option(help="With --out FOLDER: photos a file.")]


def embed(  # noqa: PLR0913, PLR0917  one parameter a flag
    photos: Photos,
    backbone: Annotated[str, typer.Option(help="A name of `tellapart weights list`; pocket is built in.")],
    out: Annotated[
        str,
        typer.Option(help="A folder of Parquet files, or its address; the same command again goes on in it."),
    ],
    weights: Annotated[Path | None, typer.Option(help="The backbone's weights, .h5 or .weights.h5.")] = None,
    image_size: Annotated[int | None, typer.Option(help="In pixels; each backbone has its own default.")] = None,
    on: On = "local",
    workers: Workers = None,
    shard_size: ShardSize = 1_000,
    null: Annotated[bool, typer.Option("--null", "-0", help="With -: a NUL behind each name, not a line end.")] = False,
    no_network: Offline = False,
) -> None:
    """Write what a backbone makes of each photo: its features, as Parquet files."""
    if no_network:
        forbid_network()
    if not is_folder(out):
        raise OptionError(f"--out {out}. Accepted: a folder, of no suffix or .parquet. Next: --out features")
    from tellapart.scale.bulk import Network, embed_in_bulk
    from tellapart.scale.long_listing import Listing

    heed_interrupts()
    how = _how(Where(on, workers, shard_size))
    with quiet():
        manifest = embed_in_bulk(Network(backbone, weights, image_size), Listing(photos, null=null), out, how=how)
    tell(manifest, out)


def duplicates(
    photos: Photos,
    out: Annotated[str, typer.Option(help="A folder for groups.parquet, or its address; workers must see it too.")],
    on: On = "local",
    workers: Workers = None,
    shard_size: Annotated[int, typer.Option(help="Photos a piece; each is compared with each other one.")] = 2_500,
    null: Annotated[bool, typer.Option("--null", "-0", help="With -: a NUL behind each name, not a line end.")] = False,
) -> None:
    """Find photos that show the same: copies, re-saves, crops, mirror images, bursts."""
    if not is_folder(out):
        raise OptionError(f"--out {out}. Accepted: a folder, of no suffix. Next: --out copies")
    from tellapart.scale.copies import GROUPS, copies_in_bulk
    from tellapart.scale.long_listing import Listing

    heed_interrupts()
    how = _how(Where(on, workers, shard_size))
    with quiet():
        found = copies_in_bulk(Listing(photos, null=null), out, how=how)
    echo(f"{found['in_groups']} of {found['photos']} photos in {counted(found['groups'], 'group')}: {out}/{GROUPS}")
    if found["errors"]:
        raise unread_photos(found["errors"], "in the rows of looks/")


@dataclass(frozen=True)
class Where:
    """What `--on`, `--workers` and `--shard-size` say."""

    on: str = "local"
    workers: int | None = None
    shard_size: int = 1_000


def predict_to_folder(
    model: Path, photos: Sequence[str], out: str, *, reject: float | None, null: bool, where: Where
) -> None:
    """Answer photos into a folder of Parquet files."""
    from tellapart.scale.bulk import predict_in_bulk
    from tellapart.scale.long_listing import Listing

    heed_interrupts()
    how = _how(where)
    with quiet():
        manifest = predict_in_bulk(model, Listing(photos, null=null), out, reject=reject, how=how)
    tell(manifest, out)


def is_folder(out: str) -> bool:
    """Whether `--out` names a folder of Parquet files, or its address: it has no suffix, or that one."""
    return PurePosixPath(out).suffix.lower() in {"", ".parquet"}


def tell(manifest: Mapping[str, Any], out: str) -> None:
    """Say what is there.

    Raises:
        UserError: Some photos could not be read.
    """
    echo(f"{manifest['rows']} rows in {len(manifest['shards'])} files: {out}")
    if manifest["errors"]:
        raise unread_photos(manifest["errors"], "in their rows")


def _how(where: Where) -> Any:
    from tellapart.console import Terminal
    from tellapart.scale.bulk import How

    return How(where.on, where.workers, where.shard_size, Terminal())
