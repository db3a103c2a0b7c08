"""Features in the cache: maps and means of some photos a file, by the content of each photo.

Files are safetensors: plain arrays. The means of lower maps have the name of the photo with `/lower` behind it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from tellapart.cache import kept_where_possible
from tellapart.files import write_bytes
from tellapart.models.backbone_file import LOWER, MAPS, POOLED
from tellapart.photos.scan import Photo
from tellapart.progress import Progress

SHARD: Final = 64  # photos a file: at most 64 are computed again after a kill
_BELOW: Final = f"/{LOWER}"
_POOLED: Final = "pooled"  # the folder of the means, which are read again and again; the maps seldom


def held_means(folder: Path) -> dict[str, Path]:
    """Which photo's means lie in which file; a damaged file counts as missing."""
    from safetensors import SafetensorError, safe_open

    held: dict[str, Path] = {}
    for path in sorted((folder / _POOLED).glob("[!.]*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as file:
                names = file.keys()
            held.update({name: path for name in names if not name.endswith(_BELOW)})
        except SafetensorError:
            with suppress(OSError):  # of a cache that is shared, and read-only
                path.unlink()  # our own cache: computed again
        except OSError:  # it may not be read, or was removed since
            continue
    return held


def keep(
    folder: Path, photos: Sequence[Photo], found: Iterator[dict[str, np.ndarray]], progress: Progress
) -> dict[str, np.ndarray]:
    """Write maps, then means: whose means are there, its maps are.

    Returns:
        The means, as they are named in the files; they need not be read again.
    """
    from safetensors.numpy import save

    kept: dict[str, np.ndarray] = {}
    for start in range(0, len(photos), SHARD):
        some = photos[start : start + SHARD]
        maps, means = {}, {}
        for photo in some:
            told = next(found)
            means[photo.content] = told[POOLED]
            if LOWER in told:
                means[photo.content + _BELOW] = told[LOWER]
            if MAPS in told:
                maps[photo.content] = told[MAPS].astype(np.float16)
        name = f"{some[0].content[:32]}.safetensors"
        with kept_where_possible(progress):
            if maps:
                write_bytes(folder / name, save(maps))
            write_bytes(folder / _POOLED / name, save(means))
        kept |= means
    return kept


def pooled(
    held: dict[str, Path],
    photos: Sequence[Photo],
    new: Mapping[str, np.ndarray] = MappingProxyType({}),
    *,
    lower: bool = False,
) -> list[np.ndarray]:
    """The means of photos in their order, (photos, channels), float32: of the last maps, and perhaps of the lower.

    Args:
        held: Which photo's means lie in which file.
        photos: Any of them, and any of `new`.
        new: What `keep` gave, that need not be read.
        lower: Whether the means of the lower maps are wanted, too, where there are some.
    """
    from safetensors import safe_open

    means = dict(new)
    missing = {photo.content for photo in photos} - set(means)
    wanted = missing | ({content + _BELOW for content in missing} if lower else set())
    for path in sorted({held[content] for content in missing}):
        with safe_open(path, framework="numpy") as file:
            for name in wanted.intersection(file.keys()):
                means[name] = file.get_tensor(name)
    parts = ("", _BELOW) if lower and photos[0].content + _BELOW in means else ("",)
    return [np.stack([means[photo.content + part] for photo in photos]) for part in parts]
