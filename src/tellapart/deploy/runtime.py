"""Run a model file: ONNX Runtime, NumPy and Pillow, no training framework."""

import base64
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike, cpu_count
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from tellapart.errors import ModelFileError, PhotosError, UnreadablePhotoError
from tellapart.models.forward import BATCH, Forward
from tellapart.photos.decode import decode
from tellapart.photos.pixels import PixelSpec, to_pixels

FORMAT: Final = 1
KEY: Final = "tellapart"
# Kernels differ from processor to processor in the last digits; a wrong model differs by far more.
TOLERANCE: Final = 2e-3
_NEXT: Final = "Next: give the model.onnx of a run folder."


@dataclass(frozen=True)
class Answer:
    """What a model says of one photo: probabilities, or why the photo could not be read."""

    path: str
    probabilities: np.ndarray | None
    error: str = ""


class Model:
    """A model file, loaded and checked.

    Attributes:
        classes: Class names in the order of the probabilities.
        spec: How a photo becomes pixels.
        passport: All that the file says of itself.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._source = content, name
        self._forward = _open(content, name)
        self.passport = _passport(self._forward, name)
        try:
            self.classes: tuple[str, ...] = tuple(self.passport["classes"])
            self.spec = PixelSpec.from_dict(self.passport["pixels"])
            self._check(name)
        except ModelFileError:
            raise
        except Exception as problem:  # what was written into the file by another hand can be wrong in any way
            raise ModelFileError(
                f"{name} is damaged or was altered ({type(problem).__name__} in what it says of itself). {_NEXT}"
            ) from problem

    def __reduce__(self) -> tuple[type["Model"], tuple[bytes, str]]:
        """Copies and worker processes load the file anew, with all its checks."""
        return Model, self._source

    def predict(self, photos: Sequence[str | PathLike[str]]) -> list[str]:
        """The most probable class of each photo."""
        return [self.classes[number] for number in self.predict_proba(photos).argmax(axis=1)]

    def predict_proba(self, photos: Sequence[str | PathLike[str]]) -> np.ndarray:
        """The probabilities of each photo.

        Returns:
            Shape (photos, classes), float32.

        Raises:
            PhotosError: A photo cannot be read; the message names it.
        """
        rows = []
        for answer in self.answers(photos):
            if answer.probabilities is None:
                raise PhotosError(f"{answer.path}: {answer.error}. Next: leave it out, or mend it.")
            rows.append(answer.probabilities)
        return np.stack(rows) if rows else np.empty((0, len(self.classes)), dtype=np.float32)

    def answers(self, photos: Iterable[str | PathLike[str]]) -> Iterator[Answer]:
        """Answer photo by photo, in order; one that cannot be read has an error instead."""
        with ThreadPoolExecutor(cpu_count()) as pool:
            waiting: list[Path] = []
            for photo in photos:
                waiting.append(Path(photo))
                if len(waiting) == BATCH:
                    yield from self._batch(waiting, pool)
                    waiting = []
            yield from self._batch(waiting, pool)

    def _batch(self, paths: list[Path], pool: ThreadPoolExecutor) -> Iterator[Answer]:
        pictures = list(pool.map(self._pixels, paths))
        readable = [picture for picture in pictures if isinstance(picture, np.ndarray)]
        results = iter(self._forward(np.stack(readable)) if readable else ())
        for path, picture in zip(paths, pictures, strict=True):
            shown = str(path).encode("utf-8", "backslashreplace").decode()  # a name need not be UTF-8
            if isinstance(picture, str):
                yield Answer(shown, None, picture)
            else:
                yield Answer(shown, next(results))

    def _pixels(self, path: Path) -> np.ndarray | str:
        try:
            return to_pixels(decode(path), self.spec)
        except UnreadablePhotoError as problem:
            return str(problem)

    def _check(self, name: str) -> None:
        """Compare shapes with the class list, and golden photos with their answers."""
        outputs = self._forward.outputs[0].shape[-1]
        if outputs != len(self.classes):
            raise ModelFileError(f"{name} has {outputs} outputs for {len(self.classes)} classes. {_NEXT}")
        if not self.passport["golden"]:
            raise ModelFileError(f"{name} holds no golden photos to prove itself on; it was altered. {_NEXT}")
        for golden in self.passport["golden"]:
            with Image.open(io.BytesIO(base64.b64decode(golden["png"])), formats=("PNG",)) as image:
                picture = np.asarray(image.convert("RGB"))
            answer = self._forward(picture[np.newaxis])[0]
            if not np.abs(answer - np.array(golden["probabilities"])).max() <= TOLERANCE:
                raise ModelFileError(
                    f"{name} does not answer its own golden photos as it should; it is damaged or was altered. {_NEXT}"
                )


def load(path: str | PathLike[str]) -> Model:
    """Load a model file and let it prove itself on its golden photos.

    Raises:
        ModelFileError: It is missing, damaged, altered or of another kind.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "model.onnx"
    try:
        content = file.read_bytes()
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise ModelFileError(f"{file} cannot be read: {reason}. {_NEXT}") from problem
    return Model(content, str(file))


def _open(content: bytes, name: str) -> Forward:
    try:
        return Forward(content)
    except Exception as problem:  # the runtime has a class of its own for each way to be wrong
        reason = " ".join(str(problem).split())[:160]
        raise ModelFileError(f"{name} is not a model that can be run ({reason}). {_NEXT}") from problem


def _passport(forward: Forward, name: str) -> dict[str, Any]:
    text = forward.metadata.get(KEY)
    if text is None:
        raise ModelFileError(f"{name} is an ONNX file, but not one of Tellapart's. {_NEXT}")
    try:
        passport: dict[str, Any] = json.loads(text)
        supported = passport["format"] == FORMAT
        complete = {"classes", "pixels", "golden"} <= set(passport)
    except (ValueError, KeyError, TypeError):
        supported = complete = False
    if not (supported and complete):
        raise ModelFileError(f"{name} was made by another version of Tellapart, or is damaged. {_NEXT}")
    return passport
