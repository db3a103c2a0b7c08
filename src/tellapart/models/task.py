"""What a recipe is given, and what it gives back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.models.backbones import Backbone
from tellapart.models.training import History, Plan, Watcher
from tellapart.photos.batches import label_numbers
from tellapart.photos.pixels import PixelSpec
from tellapart.photos.scan import Photo
from tellapart.progress import Progress, Silent


@dataclass(frozen=True)
class Options:
    """The few settings that the user has; None leaves the recipe's own default.

    Attributes:
        seed: Fixes weights, order, augmentation and search.
        image_size: In pixels.
        epochs: A ceiling for every recipe.
        backbone: For the transfer recipes.
        weights: Its weights file.
        search_time: Seconds that the search of `tuned` may take.
        trials: How many trials the search may make.
        fast: Whether features of training photos are computed in 8 bits.
    """

    seed: int = 0
    image_size: int | None = None
    epochs: int | None = None
    backbone: Backbone | None = None
    weights: Path | None = None
    search_time: float = 300.0
    trials: int = 30
    fast: bool = False


@dataclass(frozen=True)
class Task:
    """The photos to learn from, the settings, and where to keep things.

    Attributes:
        root: What the photos' paths are relative to.
        classes: Their order is that of the outputs.
        train: Photos to learn from.
        valid: Photos to steer by.
        options: The user's settings.
        folder: The recipe's own folder, for the study of a search.
        cache: Features and decoded photos.
        progress: Where to tell how far it is.
        together: All photos of a run whose rounds take turns with them; what is computed
            of them once serves every round. Empty where there is one round.
        groups: The group of each photo that has one, by path; a group shows the same thing.
        rounds: How many rounds take turns.
        epochs: A folder that keeps the state of each training from time to time, so that one that is killed goes on;
            None keeps nothing.
    """

    root: Path
    classes: tuple[str, ...]
    train: tuple[Photo, ...]
    valid: tuple[Photo, ...]
    options: Options
    folder: Path
    cache: Path
    progress: Progress = field(default_factory=Silent)
    together: tuple[Photo, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    rounds: int = 1
    epochs: Path | None = None

    def watcher(self, name: str, file: str = "") -> Watcher:
        """What watches a training of this task.

        Args:
            name: For messages.
            file: The name of the file that keeps its state; that of the training without.
        """
        return Watcher(name, self.progress, kept=self.kept(file or name))

    def kept(self, name: str) -> Path | None:
        """The file that keeps the state of a training; None where nothing is kept."""
        return self.epochs / f"{name}.safetensors" if self.epochs else None

    def labels(self, photos: Sequence[Photo]) -> np.ndarray:
        """Class numbers of photos, int64."""
        return label_numbers(photos, self.classes)

    def capped(self, plan: Plan) -> Plan:
        """A recipe's plan under the user's ceiling of epochs."""
        return replace(plan, epochs=min(plan.epochs, self.options.epochs or plan.epochs))


@dataclass(frozen=True)
class Features:
    """What a pretrained backbone makes of photos, from which a model file tells strangers.

    Attributes:
        network: Keras model that shares the layers of the recipe's network and gives two outputs:
            probabilities (n, classes) and features (n, channels). None where no Keras was used.
        train: Features of the training photos.
        valid: Features of the validation photos.
    """

    network: Any
    train: np.ndarray
    valid: np.ndarray


@dataclass(frozen=True)
class Written:
    """A network that a recipe has written in ONNX form itself, without Keras.

    Attributes:
        content: Its bytes; its outputs are `probabilities`, and `features` where it has a backbone.
        parameters: How many numbers it holds.
        answer: What the recipe itself says of photos (n, size, size, 3): probabilities (n, classes),
            reckoned another way, to hold the file against.
        keras_file: Writes it to a path as Keras' own file; None where it is not written.
    """

    content: bytes
    parameters: int
    answer: Callable[[np.ndarray], np.ndarray]
    keras_file: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class Fitted:
    """A trained recipe.

    Attributes:
        recipe: Its name.
        network: Keras model from RGB photos (n, size, size, 3), 0 to 255, to
            probabilities (n, classes); or what a recipe without Keras has written.
        spec: How a photo becomes its input.
        history: Its epochs.
        train: Probabilities of the training photos, (photos, classes).
        valid: Probabilities of the validation photos.
        seconds: What features and training take; also those that were found done, of rounds each its share.
        trainable_parameters: How many numbers this recipe adjusted.
        backbone: The name of its backbone, where it has one.
        hyperparameters: What it was trained with.
        features: Where it has a backbone. Those of a network that saw nothing but these
            photos do not tell strangers (docs/LOG.md).
        found_done: How many of these seconds were spent before; below 0 where other rounds share what was spent.
    """

    recipe: str
    network: Any
    spec: PixelSpec
    history: History
    train: np.ndarray
    valid: np.ndarray
    seconds: dict[str, float]
    trainable_parameters: int
    backbone: str | None = None
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    features: Features | None = None
    found_done: float = 0.0

    @property
    def parameters(self) -> int:
        """How many numbers the network holds."""
        return self.network.parameters if isinstance(self.network, Written) else int(self.network.count_params())

    def answer(self, pictures: np.ndarray) -> np.ndarray:
        """What the trained network itself says of pictures at its size: probabilities (n, classes), float32."""
        if isinstance(self.network, Written):
            return self.network.answer(pictures)
        from tellapart.models.scratch import predict

        return predict(self.network, pictures)

    @property
    def keras_file(self) -> Callable[[Path], None] | None:
        """What writes the network to a path as Keras' own file; None where a recipe has none."""
        return self.network.keras_file if isinstance(self.network, Written) else self.network.save

    def as_onnx(self) -> bytes:
        """The network in ONNX form, with the output `features` where it has a backbone."""
        if isinstance(self.network, Written):
            return self.network.content
        from tellapart.models.onnx_export import to_onnx

        return to_onnx(self.network if self.features is None else self.features.network)
