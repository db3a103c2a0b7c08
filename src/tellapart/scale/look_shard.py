"""A shard of looks: what is needed of photos to know copies of them again, as the bytes of a Parquet file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.errors import UnreadablePhotoError
from tellapart.models.forward import side_by_side
from tellapart.photos.decode import decode, read
from tellapart.photos.look import SIDE, Look, measure
from tellapart.photos.scan import Photo, digest_of_pixels
from tellapart.scale.parquet import blocks, file_of, numbers, rows_of, texts
from tellapart.scale.seeing import facts_of, streams_for
from tellapart.scale.sources import Source, content_of
from tellapart.scale.tasks import Made, Shared, Task

_COLUMNS: Final = ("path", "pixels", "contrast", "thumbnail")
_Looked = tuple[tuple[str, Look] | None, str]


def look_shard(task: Task, shared: Shared) -> Made:  # noqa: ARG001  as every function has it
    """Look at the photos of a task.

    The columns: path; pixels, the SHA-256 of the decoded pixels; contrast; thumbnail, 64 lines of 64 grey values;
    error. A photo that cannot be read has its path and its error alone.

    Args:
        task: Inputs `sources`.
        shared: Nothing.
    """
    sources = [Source.from_json(told) for told in task.inputs["sources"]]
    rows: list[_Looked] = list(side_by_side(_looked_at, sources, streams=streams_for(sources), batch=1))
    looks = [found for found, _ in rows]
    columns = {
        "path": texts([source.shown for source in sources]),
        "pixels": texts([None if found is None else found[0] for found in looks]),
        "contrast": numbers([None if found is None else found[1].contrast for found in looks]),
        "thumbnail": blocks(
            [None if found is None else np.asarray(found[1].thumbnail).tobytes() for found in looks], SIDE**2
        ),
        "error": texts([error or None for _, error in rows]),
    }
    return Made(file_of(columns, {"kind": "looks"}), facts_of(rows))


def photos_of(content: bytes) -> list[Photo | None]:
    """What `find_duplicates` needs of the photos of a shard; None for one that cannot be read."""
    return [_photo(row) for row in rows_of(content, _COLUMNS)]


def _photo(row: dict[str, Any]) -> Photo | None:
    if row["pixels"] is None:
        return None
    thumbnail = np.frombuffer(row["thumbnail"], np.uint8).reshape(SIDE, SIDE)
    look = Look(
        format="", orientation=1, camera="", file_bytes=0, tables="", coarseness=0.0, brightness=0.0,
        contrast=row["contrast"], darkest=0.0, brightest=0.0, sharpness=0.0, thumbnail=thumbnail,
    )  # fmt: skip
    return Photo(path=row["path"], label="", content="", pixels=row["pixels"], width=0, height=0, look=look)


def _looked_at(sources: Sequence[Source]) -> list[_Looked]:
    return [_looked(source) for source in sources]


def _looked(source: Source) -> _Looked:
    try:
        content = content_of(source)
        if isinstance(content, Path):
            content = read(content)
        picture = decode(content)
    except UnreadablePhotoError as problem:
        return None, str(problem)
    return (digest_of_pixels(picture), measure(content, picture)), ""
