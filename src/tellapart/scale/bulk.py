"""Predictions or features of any number of photos: cut into shards, each made once, by any engine."""

import hashlib
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Final

from tellapart.errors import OptionError, ShardError, SourceError
from tellapart.progress import Progress, Silent
from tellapart.scale.folders import folder_of
from tellapart.scale.long_listing import Listing, as_line, cut
from tellapart.scale.parquet import need_pyarrow
from tellapart.scale.shards import Shards
from tellapart.scale.sources import Source, is_address
from tellapart.scale.tasks import LOCAL, Engine, Function, Made, Outcome, Shared, Task, open_engine

SHARD: Final = 1_000  # photos a file: seconds of work, so that a kill costs seconds
_FAILURES: Final = 20  # shards; where so many fail, the others will
_MOST: Final = 1_000_000  # a shard is held in memory by its worker and by the process that writes it


@dataclass(frozen=True)
class How:
    """How a bulk job is run; the results do not depend on it, but for how many photos a file holds.

    Attributes:
        on: `local`, `ray` or `ray://HOST:PORT`.
        workers: Processes at once; None for one a core.
        shard_size: Photos a file.
        progress: Where to tell how far it is.
    """

    on: str = LOCAL
    workers: int | None = None
    shard_size: int = SHARD
    progress: Progress = field(default_factory=Silent)

    def engine(self) -> Engine:
        """The engine; everything that can be wrong is told before photos are listed."""
        need_pyarrow()
        if not 1 <= self.shard_size <= _MOST:
            raise OptionError(f"--shard-size {self.shard_size}. Accepted: 1 to {_MOST}. Next: leave it out")
        return open_engine(self.on, workers=self.workers)


@dataclass(frozen=True)
class Work:
    """What is made of each shard.

    Attributes:
        kind: `predictions` or `features`.
        function: Makes one shard.
        inputs: Of every task, beside its photos; they stand in the manifest too.
        shared: The bytes that every task needs.
    """

    kind: str
    function: Function
    inputs: Mapping[str, Any]
    shared: bytes


def predict_in_bulk(
    model: str | PathLike[str],
    listing: Listing,
    out: str | PathLike[str],
    *,
    reject: float | None = None,
    how: How | None = None,
) -> Mapping[str, Any]:
    """Answer every photo of a listing, into a folder of Parquet files and `_manifest.json`.

    The same call on the same folder goes on where it was stopped, however that was; each photo of the listing ends up
    in one row.

    Args:
        model: A model file, or the run folder that holds it.
        listing: Which photos.
        out: A folder, or the address of one (s3://bucket/answers): new, empty, or begun by the same call.
        reject: As for `Model.answers`.
        how: Engine, workers, shards.

    Returns:
        What the manifest holds.

    Raises:
        UserError: Something that the user can mend; the message says how.
        ShardError: Some shards could not be made; the others are kept.
    """
    from tellapart.deploy.runtime import load
    from tellapart.scale.prediction_shard import predict_shard

    how = how or How()
    engine = how.engine()
    loaded = load(model)
    inputs = {"model": hashlib.sha256(loaded.content).hexdigest(), "threshold": loaded.threshold(reject)}
    return made(Work("predictions", predict_shard, inputs, loaded.content), listing, out, how, engine)


@dataclass(frozen=True)
class Network:
    """Which backbone embeds photos.

    Attributes:
        backbone: Its name.
        weights: Its file of weights; None for the one of the weight store.
        image_size: In pixels; None for its own.
    """

    backbone: str
    weights: Path | None = None
    image_size: int | None = None


def embed_in_bulk(
    network: Network, listing: Listing, out: str | PathLike[str], *, how: How | None = None
) -> Mapping[str, Any]:
    """Compute the features of every photo of a listing, into a folder of Parquet files and `_manifest.json`.

    Otherwise as `predict_in_bulk`.
    """
    how = how or How()
    engine = how.engine()
    return made(_of_backbone(network, how.progress), listing, out, how, engine)


def _of_backbone(network: Network, progress: Progress) -> Work:
    from tellapart.files import cache_folder
    from tellapart.models.backbone_file import POOLED, backbone_onnx
    from tellapart.models.backbones import find_backbone
    from tellapart.models.forward import Forward
    from tellapart.models.weights import weights_path
    from tellapart.photos.pixels import PixelSpec
    from tellapart.scale.feature_shard import embed_shard

    backbone = find_backbone(network.backbone)
    spec = PixelSpec(network.image_size or backbone.image_size, scaling=backbone.scaling)
    content = backbone_onnx(backbone, spec.size, weights_path(backbone, network.weights, progress), cache_folder())
    (length,) = (int(end.shape[-1]) for end in Forward(content).outputs if end.name == POOLED)
    inputs = {
        "model": hashlib.sha256(content).hexdigest(),
        "backbone": backbone.name,
        "pixels": spec.as_dict(),
        "length": length,
    }
    return Work("features", embed_shard, inputs, content)


def made(work: Work, listing: Listing, out: str | PathLike[str], how: How, engine: Engine) -> Mapping[str, Any]:
    """Make all shards of a listing.

    Raises:
        UserError: Something that the user can mend; the message says how.
        ShardError: Some shards could not be made; the others are kept.
    """
    folder_of(out)  # what is wrong with an address is told before photos are listed
    how.progress.note("Listing the photos")
    listed = listing.read()
    job = {
        "kind": work.kind,
        "listing": listed.fingerprint,
        "photos": listed.n_photos,
        "shard_size": how.shard_size,
        **work.inputs,
    }
    plan = _Plan(work, listing, how.shard_size)
    with Shards(out, job).opened() as shards, how.progress.bar("Photos", listed.n_photos) as bar:
        function = partial(_in_folder, os.getcwd(), work.function) if listed.is_relative else work.function
        run = partial(engine.run, function, shared=work.shared)
        failed = fill(shards, plan, run, lambda task: bar.advance(len(task.inputs["sources"])))
        check_made(failed)
        if plan.fingerprint != listed.fingerprint:
            raise ShardError(
                "Photos came or went while they were worked on. Next: the same photos again, or another --out"
            )
        return shards.finish(listed.n_photos)


def fill(
    shards: Shards,
    tasks: Iterable[Task],
    run: Callable[[Iterable[Task]], Iterator[tuple[Task, Outcome]]],
    advance: Callable[[Task], None],
) -> list[str]:
    """Make the shards of some tasks that are not there.

    Args:
        shards: The open folder.
        tasks: Any number of them.
        run: Gives each with what came of it.
        advance: Told of each that is there.

    Returns:
        Of each that could not be made, its name and why; after `_FAILURES` of them no more is begun.
    """
    failed: list[str] = []

    def missing() -> Iterator[Task]:
        for task in tasks:
            if len(failed) >= _FAILURES:
                return
            if shards.has(task):
                advance(task)
            else:
                yield task

    for task, outcome in run(missing()):
        problem = outcome.error if outcome.made is None else _only_here(task, outcome.made)
        if outcome.made is None or problem:
            failed.append(f"{task.name}: {problem}")
            continue
        shards.keep(task, outcome.made)
        advance(task)
    return failed


def check_made(failed: Sequence[str]) -> None:
    """Say which shards could not be made.

    Raises:
        ShardError: There are some.
    """
    if failed:
        more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
        raise ShardError(f"Not made: {'; '.join(failed[:3])}{more}. The others are kept. Next: the same command again")


class _Plan:
    """The tasks of a listing, in order; `fingerprint` is of what was gone through."""

    def __init__(self, work: Work, listing: Listing, size: int) -> None:
        self._work = work
        self._listing = listing
        self._size = size
        self._digest = hashlib.sha256()

    def __iter__(self) -> Iterator[Task]:
        for number, sources in enumerate(cut(self._listing, self._size)):
            for source in sources:
                self._digest.update(as_line(source))
            told = [source.as_json() for source in sources]
            yield Task(f"part-{number:05}.parquet", {**self._work.inputs, "sources": told})

    @property
    def fingerprint(self) -> str:
        return self._digest.hexdigest()


def _in_folder(folder: str, function: Function, task: Task, shared: Shared) -> Made:
    """Make a shard where the command was started: workers of a cluster that runs were started elsewhere.

    Raises:
        SourceError: There is no such folder where the worker is.
    """
    try:
        os.chdir(folder)
    except OSError as problem:
        raise SourceError(
            f"names start at {folder}, and {socket.gethostname()} has no such folder. Accepted: a disk that all nodes "
            "share, names that begin with /, addresses"
        ) from problem
    return function(task, shared)


def _only_here(task: Task, made: Made) -> str:
    """Why photos were not found by a worker that are there for this process; "" where they are not here either."""
    if not made.facts.get("missing"):
        return ""
    places = [Source.from_json(told).place for told in task.inputs["sources"]]
    if made.facts["missing"] <= sum(is_address(place) or not os.path.exists(place) for place in places):
        return ""
    return "photos that are here were not found by its worker. Accepted: a disk that all nodes share, or addresses"
