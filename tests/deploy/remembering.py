"""A model file that remembers its photos, and labelled folders to try it on."""

import atexit
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import numpy as np
from tiny_model import CLASSES, doubting_model, with_passport

from photo_maker import noise, save
from tellapart.deploy.runtime import Model
from tellapart.evaluation.metrics import test_score as scored
from tellapart.evaluation.reference import reference_of
from tellapart.files import write_csv
from tellapart.photos.scan import Photos, scan
from tellapart.photos.split import HeldOutPhotos, Split

LEARNED = 12  # photos of each class; four more validate, four more test


@dataclass(frozen=True)
class Remembering:
    """A model file and what it was made with.

    Attributes:
        content: Of the model file.
        root: Its photos, a folder a class.
        photos: What `scan` says of them.
        parts: The part of each, by path.
    """

    content: bytes
    root: Path
    photos: Photos
    parts: dict[str, str]

    @property
    def model(self) -> Model:
        return Model(self.content, "model.onnx")

    def write_run(self, folder: Path) -> Path:
        """The tables of a run folder, and the model file of an early version that remembers nothing."""
        folder.mkdir(parents=True)
        write_csv(folder / "photos.csv", ("path", "class", "sha256"), self.photos.contents())
        rows = [(photo.path, photo.label, self.parts[photo.path], "") for photo in self.photos.items]
        write_csv(folder / "split.csv", ("path", "class", "part", "group"), rows)
        (folder / "model.onnx").write_bytes(self.forgetful())
        return folder

    def forgetful(self) -> bytes:
        """The same file, as an early version would have made it."""
        return with_passport(self.content, lambda passport: passport.pop("reference"))


def labelled(root: Path, counts: Mapping[str, int], seed: int = 5000, size: tuple[int, int] = (24, 16)) -> Path:
    """A folder of new photos: coarse noise, so that no two look alike."""
    for place, (label, count) in enumerate(counts.items()):
        for number in range(count):
            save(noise(seed + 100 * place + number, (8, 8)).resize(size), root / label / f"{number:03}.png")
    return root


@cache
def remembering() -> Remembering:
    """A tiny network that claims to have learned from 12 photos of each class, and its photos."""
    root = Path(mkdtemp(prefix="tellapart-tests-"))
    atexit.register(rmtree, root, ignore_errors=True)
    photos = scan(labelled(root, dict.fromkeys(CLASSES, LEARNED + 8), seed=1))
    parts: dict[str, str] = {}
    for label in CLASSES:
        own = [photo.path for photo in photos.items if photo.label == label]
        parts |= dict(zip(own, ["train"] * LEARNED + ["valid"] * 4 + ["test"] * 4, strict=True))
    train, valid, test = (
        tuple(photo for photo in photos.items if parts[photo.path] == part) for part in ("train", "valid", "test")
    )
    model = Model(doubting_model().content, "model.onnx")
    answers = list(model.answers([root / photo.path for photo in valid]))
    shares = np.stack([answer.probabilities for answer in answers if answer.probabilities is not None])
    strangers = np.array([answer.stranger for answer in answers], dtype=np.float64)
    facts = {
        "reference": reference_of(Split(train, valid, HeldOutPhotos(test), {}), shares, strangers),
        "scores": {"test": _perfect(len(test))},
        "fingerprints": {"photos": photos.fingerprint},
    }
    content = with_passport(doubting_model().content, lambda passport: passport.update(facts))
    return Remembering(content, root, photos, parts)


def _perfect(n: int) -> dict[str, Any]:
    labels = np.arange(n) % len(CLASSES)
    return asdict(scored(labels, np.eye(len(CLASSES))[labels]))


def paths(photos: Sequence[Any]) -> list[str]:
    """The paths of photos, sorted."""
    return sorted(photo.path for photo in photos)
