"""One tiny network, exported once for all tests of what is handed over."""

import atexit
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import numpy as np
import onnx

from photo_maker import saved
from tellapart.deploy.doubts import doubts_of
from tellapart.deploy.export import stamp
from tellapart.deploy.seal import KEY, sealed
from tellapart.deploy.stranger_output import with_strangers
from tellapart.evaluation.strangers import fit_strangers
from tellapart.models.backend import keras
from tellapart.models.networks import baseline
from tellapart.models.onnx_export import to_onnx
from tellapart.models.scratch import outputs_of
from tellapart.models.task import Features, Fitted
from tellapart.models.training import History
from tellapart.photos.batches import pixels_of
from tellapart.photos.pixels import PixelSpec
from tellapart.photos.scan import Photo

CLASSES = ("chair & co", "椅子", "table")
FACTS = {"classes": list(CLASSES), "photos": "0" * 64}


@dataclass(frozen=True)
class Handed:
    """A fitted network, its ONNX form, the model file made of it, and some photos."""

    fitted: Fitted
    network: bytes
    content: bytes
    root: Path
    photos: tuple[Photo, ...]

    @property
    def paths(self) -> list[Path]:
        """Where the photos lie."""
        return [self.root / item.path for item in self.photos]


@cache
def tiny_model() -> Handed:
    """A network of 16 pixels and three classes, made once a session (TensorFlow takes seconds)."""
    root = Path(mkdtemp(prefix="tellapart-tests-"))
    atexit.register(rmtree, root, ignore_errors=True)
    photos = tuple(saved(number, "table", root) for number in range(20))
    keras.utils.set_random_seed(0)
    network = baseline(len(CLASSES), 16)
    nothing = np.empty((0, len(CLASSES)))
    fitted = Fitted("baseline", network, PixelSpec(16), History(), nothing, nothing, {}, 0)
    exported = to_onnx(network)
    return Handed(fitted, exported, stamp(exported, fitted, root, photos, FACTS), root, photos)


@cache
def doubting_model() -> Handed:
    """The same network with the input of its last layer as features; its file tells strangers and has thresholds."""
    tiny = tiny_model()
    network = tiny.fitted.network
    both = keras.Model(network.input, [network.output, network.layers[-1].input])
    pictures = np.stack(list(pixels_of(tiny.root, tiny.photos, tiny.fitted.spec)))
    shares, found = outputs_of(both, pictures)
    labels = np.arange(20) % 3
    fitted = replace(tiny.fitted, features=Features(both, found[:15], found[10:]))
    strangers = fit_strangers(found[:15], labels[:15], found[10:])
    exported = with_strangers(fitted.as_onnx(), strangers)
    # Right where the model is surest, so that a threshold is of use.
    top, sure = shares.argmax(axis=1), shares.max(axis=1)
    truth = np.where(sure > np.median(sure), top, (top + 1) % 3)
    facts = {**FACTS, **doubts_of((truth, shares), strangers)}
    return Handed(fitted, exported, stamp(exported, fitted, tiny.root, tiny.photos, facts), tiny.root, tiny.photos)


def passport_of(content: bytes) -> dict[str, Any]:
    """What a model file says of itself."""
    (text,) = (entry.value for entry in onnx.load_from_string(content).metadata_props if entry.key == KEY)
    passport: dict[str, Any] = json.loads(text)
    return passport


def with_passport(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A model file whose passport was changed by another hand, with a digest that fits."""
    passport = passport_of(content)
    change(passport)
    return sealed(content, passport)


def with_classes(content: bytes, classes: Sequence[str]) -> bytes:
    """A model file whose classes have other names, as its golden photos say too."""

    def rename(passport: dict[str, Any]) -> None:
        names = dict(zip(passport["classes"], classes, strict=True))
        passport["classes"] = list(classes)
        for golden in passport["golden"]:
            golden["predicted"] = names[golden["predicted"]]

    return with_passport(content, rename)


def with_network(content: bytes, change: Callable[[Any], object]) -> bytes:
    """A model file whose network was changed by another hand, with a digest that fits."""
    model = onnx.load_from_string(content)
    change(model)
    return sealed(model.SerializeToString(), passport_of(content))
