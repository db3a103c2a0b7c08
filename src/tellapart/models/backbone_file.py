"""A backbone with its weights as an ONNX file that is kept in the cache, so that Keras is needed once, or never.

The built-in backbone and those of `chains.py` (VGG16, MobileNetV2) are written straight from their files of weights;
the others are built by Keras the first time.
"""

import hashlib
from pathlib import Path
from typing import Any, Final

from tellapart.cache import kept_where_possible
from tellapart.files import write_bytes
from tellapart.models import chains, onnx_bytes, pocket
from tellapart.models.backbones import Backbone
from tellapart.models.lower_maps import lower_in_graph
from tellapart.models.onnx_primitives import global_pool
from tellapart.models.onnx_writer import Graph
from tellapart.models.weights import fingerprint
from tellapart.photos.scan import digest_of

MAPS: Final = "maps"
POOLED: Final = "features"
LOWER: Final = "lower"
READ: Final = (POOLED, LOWER)  # by a head, one behind the other
# Counts up where the same backbone is written otherwise, so that files of earlier versions are not taken.
_FORMAT: Final = 2
_SHA256: Final = "sha256"


def backbone_onnx(backbone: Backbone, size: int, path: Path, cache: Path) -> bytes:
    """A network from RGB photos, (n, size, size, 3) from 0 to 255, to what a backbone makes of them.

    Its outputs are `maps`, the last activation maps (n, rows, columns, channels); `features`, their mean (n,
    channels); and `lower`, the mean of the maps below them (n, channels), where it has some: see `lower_maps.py`. It is
    read from `cache/onnx` where it is there and whole, else built and kept there.

    Args:
        backbone: Its row of the table.
        size: Of the photos, in pixels.
        path: Its weights, a file or the folder of a preset.
        cache: The cache's folder.

    Raises:
        WeightsError: The file is of another network.
        OptionError: The network does not work at that size, or cannot be exported.
        MissingExtraError: It takes Keras to build it, which is not installed.
    """
    kept = cache / "onnx" / f"{_key(backbone, size, path)}.onnx"
    content = _whole(kept)
    if content is None:
        direct = backbone.module == "pocket" or backbone.name in chains.CHAINS
        built = _straight(backbone, size, path) if direct else _by_keras(backbone, size, path)
        content = built + _seal(built)
        with kept_where_possible():
            write_bytes(kept, content)
    return content


def means_in(content: bytes) -> tuple[str, ...]:
    """Which means a backbone gives that a head can read, `features` and perhaps `lower`, in their order."""
    import onnx

    return means_of(onnx.load_from_string(content).graph)


def means_of(graph: Any) -> tuple[str, ...]:
    """The same of a network that is read already."""
    ends = {end.name for end in graph.output}
    return tuple(name for name in READ if name in ends)


def _key(backbone: Backbone, size: int, path: Path) -> str:
    """What the file depends on."""
    return digest_of([backbone.name, fingerprint(path), str(size), backbone.scaling, str(_FORMAT)])[:24]


def _seal(network: bytes) -> bytes:
    """An entry of metadata that tells the digest of all that is before it."""
    return onnx_bytes.metadata(_SHA256, hashlib.sha256(network).hexdigest())


def _whole(path: Path) -> bytes | None:
    """A kept file, or None where it is missing or damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    network = content[: -len(_seal(b""))]
    return content if content == network + _seal(network) else None


def _straight(backbone: Backbone, size: int, path: Path) -> bytes:
    graph = Graph((size, size, 3))
    if backbone.module == "pocket":
        maps = pocket.write_maps(graph, graph.photo, path)
    else:
        maps = chains.write_maps(graph, graph.photo, backbone, path)
    lower = lower_in_graph(graph, maps)
    # In the order in which Keras' network would be written, so that the bytes are the same.
    below = {} if lower is None else {LOWER: global_pool(graph, lower, "Average")}
    return graph.finished({MAPS: maps, POOLED: global_pool(graph, maps, "Average"), **below})


def _by_keras(backbone: Backbone, size: int, path: Path) -> bytes:
    from tellapart.models.backend import keras
    from tellapart.models.features import load_pretrained, photo_to
    from tellapart.models.networks import means
    from tellapart.models.onnx_export import to_onnx

    pretrained = load_pretrained(backbone, size, path)
    network = pretrained.network
    every = keras.Model(network.input, [network.output, *means(network, lower=True)])
    return to_onnx(photo_to(pretrained, every), outputs=(MAPS, *READ))
