"""What the search for hyper-parameters may change, and a training with given settings."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from tellapart.models import networks
from tellapart.models.backend import keras
from tellapart.models.scratch import fit_from_scratch
from tellapart.models.task import Fitted, Task
from tellapart.models.training import Plan, Watcher
from tellapart.photos.scan import digest_of


@dataclass(frozen=True)
class Settings:
    """What the search may change; the defaults are those of `augmented`.

    Attributes:
        learning_rate: Of Adam, at the start.
        dropout: Before the output.
        augmentation: Strength, 0 for none.
        width: Multiplies the channels of every convolution.
        batch_size: Photos a step.
        weight_decay: Decoupled, as in AdamW.
        image_scale: Side of its photos, as a share of the recipe's.
    """

    learning_rate: float = 1e-3
    dropout: float = 0.5
    augmentation: float = 1.0
    width: float = 1.0
    batch_size: int = 32
    weight_decay: float = 1e-6
    image_scale: float = 1.0

    def fit(self, task: Task, name: str, size: int, watcher: Watcher | None = None) -> Fitted:
        """Train the deeper CNN with these settings.

        Args:
            task: Of the recipe.
            name: For `recipe`.
            size: Side of the recipe's photos, in pixels; theirs is `image_scale` of it.
            watcher: Of each epoch.
        """
        keras.utils.set_random_seed(task.options.seed)
        side = round(self.image_scale * size)
        network = networks.deeper(len(task.classes), side, width=self.width, dropout=self.dropout)
        plan = replace(
            task.capped(PLAN),
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            weight_decay=self.weight_decay,
        )
        watcher = replace(watcher or Watcher(name, task.progress), kept=self.kept(task))
        fitted = fit_from_scratch(task, network, plan, watcher, strength=self.augmentation)
        return replace(fitted, recipe=name, hyperparameters={**fitted.hyperparameters, **asdict(self)})

    def kept(self, task: Task) -> Path | None:
        """The file that keeps the state of a training with these settings."""
        return task.kept(digest_of([repr(self)])[:16])


_SCALES: Final = (0.5, 0.75, 1.0)
PLAN: Final = Plan(epochs=80, patience=12)
AUGMENTED: Final = Settings()
# Photos of half the side are a fourth of the arithmetic (a third of the time on furniture4): tried first.
FIRST: Final = replace(AUGMENTED, image_scale=0.5)


def sides(size: int) -> list[int]:
    """The sides of photos, in pixels, that a search may train on, where the recipe's is `size`."""
    return [round(scale * size) for scale in _SCALES]


def search_space() -> dict[str, Any]:
    """The range of each setting, as Optuna's distributions."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    return {
        "learning_rate": FloatDistribution(3e-4, 3e-3, log=True),
        "dropout": FloatDistribution(0.1, 0.6),
        "augmentation": FloatDistribution(0.3, 1.5),
        "width": CategoricalDistribution((0.5, 1.0, 1.5, 2.0)),
        "batch_size": CategoricalDistribution((16, 32, 64)),
        "weight_decay": FloatDistribution(1e-6, 1e-2, log=True),
        "image_scale": CategoricalDistribution(_SCALES),
    }


def suggest(trial: Any) -> Settings:
    """Draw settings from the search space."""
    drawn = {
        name: trial.suggest_categorical(name, space.choices)
        if hasattr(space, "choices")
        else trial.suggest_float(name, space.low, space.high, log=space.log)
        for name, space in search_space().items()
    }
    return Settings(**drawn)
