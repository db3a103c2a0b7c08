"""A shard of features: from photos and a backbone to the bytes of a Parquet file."""

from typing import Final

import numpy as np

from tellapart.models.backbone_file import POOLED
from tellapart.models.forward import Forward
from tellapart.photos.pixels import PixelSpec
from tellapart.scale.parquet import FEATURES, file_of, texts, vectors
from tellapart.scale.seeing import facts_of, seen
from tellapart.scale.sources import Source
from tellapart.scale.tasks import Made, Shared, Task

_ONE: Final = 1  # thread: other workers have the other cores
_networks: dict[str, Forward] = {}  # the one that this process has open, by the SHA-256 of its file


def embed_shard(task: Task, shared: Shared) -> Made:
    """Compute the features of the photos of a task: the mean of each channel of a backbone's last maps.

    The columns: path; features, a list of as many float32 as the backbone has channels; error. A photo that cannot be
    read has its path and its error alone.

    Args:
        task: Inputs `sources`; `model`, the SHA-256 of the backbone's ONNX file; `pixels`, how a photo becomes pixels;
            `length`, of a list; `backbone`, its name.
        shared: That file.
    """
    told = task.inputs
    sources = [Source.from_json(source) for source in told["sources"]]
    network = _opened(told["model"], shared)

    def ask(pictures: np.ndarray) -> np.ndarray:
        return network.named_outputs(pictures, [POOLED])[POOLED]

    rows = list(seen(sources, PixelSpec.from_dict(told["pixels"]), ask))
    columns = {
        "path": texts([source.shown for source in sources]),
        FEATURES: vectors([features for features, _ in rows], told["length"]),
        "error": texts([error or None for _, error in rows]),
    }
    of_itself = {"kind": "features", **{name: told[name] for name in ("model", "backbone", "pixels")}}
    return Made(file_of(columns, of_itself), facts_of(rows))


def _opened(digest: str, shared: Shared) -> Forward:
    if digest not in _networks:
        _networks.clear()
        _networks[digest] = Forward(shared(), threads=_ONE)
    return _networks[digest]
