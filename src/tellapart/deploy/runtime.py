"""Run a model file: ONNX Runtime, NumPy and Pillow, no training framework."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np

from tellapart.deploy import names, passport, seal
from tellapart.deploy.doubts import Doubts
from tellapart.deploy.golden import prove, read_golden
from tellapart.deploy.memory_limit import at_most_more
from tellapart.deploy.onnx_messages import read_model
from tellapart.deploy.structure import LARGEST, check_ends, check_structure
from tellapart.errors import ModelFileError, PhotosError, UnreadablePhotoError, UserError
from tellapart.machine import streams_and_threads, usable_cores
from tellapart.models.forward import BATCH, Forward, side_by_side
from tellapart.photos.pixels import PixelSpec, read_pixels
from tellapart.plain_text import printable

PROBABILITIES: Final = names.PROBABILITIES  # the first output
STRANGER: Final = names.STRANGER  # an output: how strange a photo is
HEAT: Final = names.HEAT  # an output: which places of a photo speak for its most probable class
_TOGETHER: Final = 4  # photos a call where every core has its own: 8 are faster in tiny networks alone (docs/LOG.md)
_ROOM: Final = 2 << 30  # bytes that opening a file may take, beside
_TIMES: Final = 8  # as many as the file has
_NO_MEMORY: Final = ("Failed to allocate memory", "bad allocation", "bad_alloc")
_NEXT: Final = "Next: give the model.onnx of a run folder."


@dataclass(frozen=True)
class Answer:
    """What a model says of one photo.

    Attributes:
        path: As it was given.
        probabilities: Shape (classes,), or None where the photo could not be read.
        error: Why it could not.
        answer: The most probable class; "none of these" where the photo is strange, "not sure" where a wished
            error rate asks for more confidence.
        set: The classes that it may be of; None where the model file has no prediction sets.
        stranger: How strange it is, over 1 for "none of these"; None where the model file does not tell.
        heat: Which places of the photo, as the network sees it, speak for the most probable class: (rows, columns),
            float32, 0 or more; None where it was not asked for or the model file does not tell.
    """

    path: str
    probabilities: np.ndarray | None
    error: str = ""
    answer: str = ""
    set: tuple[str, ...] | None = None
    stranger: float | None = None
    heat: np.ndarray | None = None


class Model:
    """A model file, loaded and checked.

    Attributes:
        classes: Class names in the order of the probabilities.
        spec: How a photo becomes pixels.
        passport: All that the file says of itself.
        doubts: When it does not say a class.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._source = content, name
        self.passport = _checked(content, name)
        try:
            self.classes: tuple[str, ...] = tuple(self.passport["classes"])
            self.spec = PixelSpec.from_dict(self.passport["pixels"])
            self.doubts = Doubts.from_passport(self.passport)
        except Exception as problem:  # what was written into the file by another hand can be wrong in any way
            raise _altered(name, f"{type(problem).__name__} in what it says of itself") from problem
        with at_most_more(_ROOM + _TIMES * len(content)):
            self._forward = _open(content, name)
            self._check(name)
        self._with_heat: Forward | None = None
        self._of_many: Forward | None = None
        self._opening = Lock()

    def __reduce__(self) -> tuple[type["Model"], tuple[bytes, str]]:
        """Copies and worker processes load the file anew, with all its checks."""
        return Model, self._source

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        return self._source[0]

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

    def answers(self, photos: Iterable[str | PathLike[str]], *, reject: float | None = None) -> Iterator[Answer]:
        """Answer photo by photo, in order; one that cannot be read has an error instead.

        Args:
            photos: Any number of them; they are opened as the answers are asked for, some ahead.
            reject: The share of wrong answers that is wished for, over 0 and under 1; photos of which the
                model is less sure than that takes are answered "not sure".

        Raises:
            OptionError: That share is out of range, or less than validation photos can promise.
        """
        return self._answers(photos, self.threshold(reject))

    def threshold(self, reject: float | None) -> float:
        """The confidence from which on it answers; 0 where no share of wrong answers is wished for.

        Raises:
            OptionError: That share is out of range, or less than validation photos can promise.
        """
        return 0.0 if reject is None else self.doubts.threshold(reject).threshold

    def answer_pixels(
        self, pictures: np.ndarray, *, threshold: float = 0.0, heat: bool = False, beside: bool = False
    ) -> list[Answer]:
        """Answer pictures that have the network's size already; each answer is without its path.

        Args:
            pictures: Shape (photos, size, size, 3), uint8, as `photos.pixels.to_pixels` gives them.
            threshold: The confidence from which on it answers, of `threshold`.
            heat: Whether the heat map is wanted as well.
            beside: Whether other threads ask at the same time: each then has a core, and none waits for another
                at every layer. The answers have the same bits; with `heat` it makes no difference.

        Raises:
            ModelFileError: The heat map is wanted, and that part of the file is damaged or was altered.
        """
        forward = self._forward_with_heat() if heat else self._forward_of_many() if beside else self._forward
        return self._asked(forward, pictures, threshold)

    def _asked(self, forward: Forward, pictures: np.ndarray, threshold: float) -> list[Answer]:
        """Ask a network; golden photos proved it one at a time, and it may fail for other numbers of photos."""
        try:
            return self._told(forward.named_outputs(pictures), threshold)
        except UserError:  # there is too little memory, which is not the file's fault
            raise
        except Exception as problem:
            raise _not_run(self._source[1], problem) from problem

    def _told(self, outputs: Mapping[str, np.ndarray], threshold: float) -> list[Answer]:
        probabilities = outputs[PROBABILITIES]
        nothing = [None] * len(probabilities)
        strangers = outputs[STRANGER].tolist() if STRANGER in outputs else nothing
        maps = outputs.get(HEAT, nothing)
        sets = self.doubts.sets(probabilities)
        answers = []
        for place, (shares, stranger, hot) in enumerate(zip(probabilities, strangers, maps, strict=True)):
            top = int(shares.argmax())
            answer = self.doubts.answer(self.classes[top], float(shares[top]), stranger, threshold)
            among = None if sets is None else tuple(self.classes[number] for number in np.flatnonzero(sets[place]))
            answers.append(Answer("", shares, "", answer, among, stranger, hot))
        return answers

    def _answers(self, photos: Iterable[str | PathLike[str]], threshold: float) -> Iterator[Answer]:
        """One photo has all cores at once, some have them as one batch; of many each core has photos of its own."""
        paths = map(Path, photos)
        first = list(islice(paths, BATCH + 1))
        if len(first) == 1:
            yield from self._answered(first, [self._pixels(first[0])], threshold, self._forward)
        elif len(first) <= BATCH:
            with ThreadPoolExecutor(usable_cores()) as pool:
                yield from self._answered(first, pool.map(self._pixels, first), threshold, self._forward)
        else:
            yield from self._many(chain(first, paths), threshold)

    def _many(self, paths: Iterable[Path], threshold: float) -> Iterator[Answer]:
        (streams, _), forward = streams_and_threads(usable_cores()), self._forward_of_many()

        def answered(some: list[Path]) -> list[Answer]:
            return self._answered(some, map(self._pixels, some), threshold, forward)

        return side_by_side(answered, paths, streams=streams, batch=_TOGETHER)

    def _answered(
        self, paths: list[Path], pixels: Iterable[np.ndarray | str], threshold: float, forward: Forward
    ) -> list[Answer]:
        pictures = list(pixels)
        readable = [picture for picture in pictures if isinstance(picture, np.ndarray)]
        told = self._asked(forward, np.stack(readable), threshold) if readable else ()
        results, answers = iter(told), []
        for path, picture in zip(paths, pictures, strict=True):
            shown = printable(path)
            unread = Answer(shown, None, picture) if isinstance(picture, str) else None
            answers.append(unread or replace(next(results), path=shown))
        return answers

    def _pixels(self, path: Path) -> np.ndarray | str:
        try:
            return read_pixels(path, self.spec)
        except UnreadablePhotoError as problem:
            return str(problem)

    def _forward_with_heat(self) -> Forward:
        """The network with the way back in it, opened when it is first asked for: it costs time in each answer.

        Golden photos do not need the way back, so that nothing has proven it yet.

        Raises:
            ModelFileError: It cannot be opened or run, or takes too much memory.
        """
        content, name = self._source
        with self._opening:
            if self._with_heat is None:
                try:
                    with at_most_more(_ROOM + _TIMES * len(content)):
                        forward = Forward(content)
                        found = forward.named_outputs(np.zeros((1, self.spec.size, self.spec.size, 3), np.uint8))
                except Exception as problem:
                    raise _not_run(name, problem) from problem
                if HEAT in found and (found[HEAT].ndim, len(found[HEAT])) != (3, 1):
                    raise _not_run(name, ValueError(f"its output {HEAT} is {found[HEAT].shape} for one photo"))
                self._with_heat = forward
            return self._with_heat

    def _forward_of_many(self) -> Forward:
        """The network for several threads that run it at once, opened when many photos come: it costs memory.

        Threads that share out each operator wait for each other; with these the answers have the same bits.
        """
        with self._opening:
            if self._of_many is None:
                _, threads = streams_and_threads(usable_cores())
                self._of_many = Forward(seal.without_output(self.content, HEAT), threads=threads)
            return self._of_many

    def _check(self, name: str) -> None:
        """Hold the answers to golden photos against those that the file says they get."""
        tells = any(output.name == STRANGER for output in self._forward.outputs)
        try:
            golden = read_golden(self.passport, self.spec.size, tells_strangers=tells)
        except Exception as problem:
            raise _altered(name, problem) from problem
        try:
            right = prove(self._forward.named_outputs, golden)
        except Exception as problem:  # as in `_open`
            raise _not_run(name, problem) from problem
        if not right:
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
        with file.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise ModelFileError(f"{file} cannot be read: {reason}. {_NEXT}") from problem
    return Model(content, str(file))


def _checked(content: bytes, name: str) -> dict[str, Any]:
    """Check a file by its bytes alone, and give what it says of itself."""
    try:
        if len(content) > LARGEST:
            raise ValueError(f"it is larger than {LARGEST >> 30} GB")
        model = read_model(content)
        check_structure(model)
    except Exception as problem:
        raise _not_run(name, problem) from problem
    try:
        told = passport.read_passport(model)
        passport.check_passport(told, content)
        check_ends(model, int(told["pixels"]["size"]), len(told["classes"]))
    except passport.StrangeFileError as problem:
        raise ModelFileError(f"{name} is an ONNX file, but not one of Tellapart's. {_NEXT}") from problem
    except passport.VersionError as problem:
        raise _of_other_version(name, problem.later) from problem
    except Exception as problem:
        raise _altered(name, problem) from problem
    return told


def _of_other_version(name: str, later: int | None) -> ModelFileError:
    if later is None:
        return ModelFileError(f"{name} was made by another version of Tellapart, or is damaged. {_NEXT}")
    return ModelFileError(
        f"{name} is of format {later}; this version of Tellapart reads format {passport.FORMAT}. "
        "Next: pip install --upgrade tellapart"
    )


def _open(content: bytes, name: str) -> Forward:
    try:
        return Forward(seal.without_output(content, HEAT))
    except Exception as problem:  # the runtime has a class of its own for each way to be wrong
        raise _not_run(name, problem) from problem


def _not_run(name: str, problem: Exception) -> ModelFileError:
    return ModelFileError(f"{name} is not a model that can be run ({_line(problem)}). {_NEXT}")


def _altered(name: str, why: object) -> ModelFileError:
    return ModelFileError(f"{name} is damaged or was altered ({_line(why)}). {_NEXT}")


def _line(problem: object) -> str:
    """A problem as part of one line."""
    told = " ".join(str(problem).split())
    if any(sign in told for sign in _NO_MEMORY) or isinstance(problem, MemoryError):
        return f"it takes more than {_ROOM >> 30} GB of memory"
    return told[:160] or type(problem).__name__
