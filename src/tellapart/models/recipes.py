"""The ladder: one row of a table and one short function a step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tellapart.errors import UnknownNameError
from tellapart.models import networks, transfer
from tellapart.models.backbones import Backbone
from tellapart.models.backend import keras
from tellapart.models.bottleneck import fit_bottleneck, train_head
from tellapart.models.linear import fit_linear
from tellapart.models.majority import fit_majority
from tellapart.models.scratch import fit_from_scratch, trainable_parameters
from tellapart.models.search_space import AUGMENTED
from tellapart.models.task import Features, Fitted, Task
from tellapart.models.training import Plan
from tellapart.models.tuning import fit_tuned

SCRATCH_SIZE: Final = 96
FAST_FEATURES: Final = "of training photos, in 8 bits (--fast)"
PLAIN_PLAN: Final = Plan(epochs=40)


@dataclass(frozen=True)
class Recipe:
    """A step of the ladder.

    Attributes:
        name: As the user types it.
        step: Its place.
        title: For people.
        asks: The question that it answers when it is held against the step before.
        judged_by: What answers it: "training" accuracy, the "gap" to test, or the "test" photos.
        train: From a task to a trained model.
        transfer: Whether it needs a backbone.
        backbone: The one that it is bound to.
        weights: That backbone's weights file.
        against: The recipe that it is held against; "" for the one before it.
        needs_keras: Whether a training framework is needed.
    """

    name: str
    step: str
    title: str
    asks: str
    train: Callable[[Task], Fitted]
    judged_by: str = "test"
    transfer: bool = False
    backbone: Backbone | None = None
    weights: Path | None = None
    against: str = ""
    needs_keras: bool = True


def majority(task: Task) -> Fitted:
    """Always the commonest class: the floor that every figure is read against."""
    return fit_majority(task, task.options.image_size or SCRATCH_SIZE)


def baseline(task: Task) -> Fitted:
    """A simple CNN from scratch, no augmentation, no dropout."""
    network = networks.baseline(len(task.classes), task.options.image_size or SCRATCH_SIZE)
    return fit_from_scratch(task, network, task.capped(PLAIN_PLAN), task.watcher("baseline"))


def deeper(task: Task) -> Fitted:
    """More convolution and max-pooling layers, trained as the baseline was."""
    network = networks.deeper(len(task.classes), task.options.image_size or SCRATCH_SIZE)
    return fit_from_scratch(task, network, task.capped(PLAIN_PLAN), task.watcher("deeper"))


def augmented(task: Task) -> Fitted:
    """The deeper CNN with augmentation and dropout."""
    return AUGMENTED.fit(task, "augmented", task.options.image_size or SCRATCH_SIZE)


def tuned(task: Task) -> Fitted:
    """`augmented` with its hyper-parameters searched."""
    return fit_tuned(task, task.options.image_size or SCRATCH_SIZE)


def linear(task: Task) -> Fitted:
    """Logistic regression on the features of a frozen backbone."""
    return fit_linear(task)


def bottleneck(task: Task) -> Fitted:
    """A small fully connected network on the features of a frozen backbone."""
    return fit_bottleneck(task)


def finetuned(task: Task) -> Fitted:
    """That head on the backbone, and the last block unfrozen at a low learning rate."""
    pretrained = transfer.pretrained_for(task)
    head = transfer.in_keras(train_head(task, pretrained.source, "finetuned, head"))
    block = transfer.train_last_block(task, pretrained, head, "finetuned")
    seconds = {what: head.seconds[what] + block.seconds[what] for what in head.seconds}
    return Fitted(
        "finetuned",
        transfer.with_head(pretrained, head.network),
        pretrained.spec,
        head.history + block.history,
        block.train,
        block.valid,
        seconds,
        trainable_parameters(block.network),
        pretrained.backbone.name,
        {**vars(task.capped(transfer.BLOCK_PLAN)), "views": transfer.VIEWS},
        Features(transfer.with_features(pretrained, head.network), *block.features),
        head.found_done + block.found_done,
    )


HELPED: Final = "Did a pretrained backbone help?"
_TABLE: Final = (
    Recipe("majority", "0", "Always the commonest class", "What does no learning give?", majority, needs_keras=False),
    Recipe("baseline", "1", "Simple CNN", "Does a simple CNN learn anything here?", baseline),
    Recipe("deeper", "2", "Deeper CNN", "Did depth raise training accuracy?", deeper, "training"),
    Recipe(
        "augmented",
        "3",
        "Deeper CNN with augmentation and dropout",
        "Did augmentation and dropout close the gap between training and test?",
        augmented,
        "gap",
    ),
    Recipe("tuned", "4", "Tuned CNN", "Did tuning help?", tuned),
    Recipe("linear", "5", "Linear head on a frozen backbone", HELPED, linear, transfer=True, needs_keras=False),
    Recipe(
        "bottleneck",
        "5a",
        "Dense head on a frozen backbone",
        "Did a small dense network do better than a linear head?",
        bottleneck,
        transfer=True,
        needs_keras=False,
    ),
    Recipe("finetuned", "5b", "Fine-tuned backbone", "Did training its last block help?", finetuned, transfer=True),
)
RECIPES: Final = {recipe.name: recipe for recipe in _TABLE}


def choose_recipes(names: str) -> tuple[Recipe, ...]:
    """Read `all`, or names with commas, into recipes in the ladder's order.

    Raises:
        UnknownNameError: With the nearest names.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted or wanted == ["all"]:
        return tuple(RECIPES.values())
    for name in wanted:
        find_recipe(name)
    chosen = [recipe for recipe in RECIPES.values() if recipe.name in wanted]
    first = next((place for place, recipe in enumerate(chosen) if recipe.transfer), None)
    if first is not None:  # whichever comes first is where the backbone comes in
        chosen[first] = replace(chosen[first], asks=HELPED)
    return tuple(chosen)


def on_backbones(
    recipes: Sequence[Recipe], backbones: Sequence[Backbone], weights: Mapping[str, Path]
) -> tuple[Recipe, ...]:
    """Bind every transfer recipe to each backbone; with several, the backbone's name stands in the recipe's.

    The first transfer recipe on a later backbone is held against the same on the first backbone.
    """
    bound = [recipe for recipe in recipes if not recipe.transfer]
    transfer = [recipe for recipe in recipes if recipe.transfer]
    for row in backbones:
        on_this = [replace(recipe, backbone=row, weights=weights[row.name]) for recipe in transfer]
        if len(backbones) > 1:
            on_this = [
                replace(recipe, name=f"{recipe.name}-{row.label}", title=f"{recipe.title} {row.label}")
                for recipe in on_this
            ]
        if row != backbones[0] and on_this:
            asks = f"Is {row.label} better than {backbones[0].label}?"
            against = f"{transfer[0].name}-{backbones[0].label}"
            on_this[0] = replace(on_this[0], asks=asks, against=against)
        bound += on_this
    return tuple(bound)


def find_recipe(name: str) -> Recipe:
    """Look a recipe up.

    Raises:
        UnknownNameError: With the nearest names.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, [*RECIPES, "all"])
    return RECIPES[name]


def fit_recipe(recipe: Recipe, task: Task) -> Fitted:
    """Train one step, from the task's seed alone: other steps before it change nothing."""
    if recipe.needs_keras:
        keras.utils.set_random_seed(task.options.seed)
    fitted = replace(recipe.train(task), recipe=recipe.name)
    if recipe.transfer and task.options.fast:
        fitted = replace(fitted, hyperparameters={**fitted.hyperparameters, "features": FAST_FEATURES})
    return fitted
