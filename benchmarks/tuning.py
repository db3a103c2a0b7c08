"""The search for hyper-parameters to equal validation loss: `tuned` beside KerasTuner on the same space.

    python benchmarks/tuning.py [--photos PHOTOS] [--pairs 5] [--budget 75] [--stock-budget 300]
                                [--search random|hyperband] [--seed 0]

Both search learning rate, dropout, augmentation, width, batch size and weight decay of the deeper CNN, and the side of
its photos. KerasTuner (`pip install keras-tuner`; without it nothing is measured) goes by random search, or by
Hyperband, on `image_dataset_from_directory` with augmentation layers, for so many seconds; its trials stop as ours do
after 12 epochs without a lower loss. Ours begins with an empty cache and without a trained `augmented`. Each pair has
its own seed, and each search a process of its own. Timed is after which epoch of any trial each first comes to the loss
at which ours ends; where KerasTuner does not come to it in its longer time, what is told is how many times longer it
had at the least.
"""

import argparse
import contextlib
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from paired import OURS, STOCK, apart, inputs, keep, parser, spread
from tutorial import Curve, class_folders, datasets, fresh_task, noted, seconds_to

from tellapart.models import networks
from tellapart.models.backend import keras
from tellapart.models.recipes import SCRATCH_SIZE
from tellapart.models.search_space import PLAN, search_space
from tellapart.models.task import Task
from tellapart.models.tuning import fit_tuned


class TimeIsOver(BaseException):
    """Ends KerasTuner's search, which goes on after every other error."""


def ours(options: argparse.Namespace) -> Curve:
    """The recipe, with an empty cache; each epoch of a trial is reported to Optuna."""
    from optuna.trial import Trial

    start = time.perf_counter()
    curve: Curve = []
    genuine = Trial.report

    def noting(trial: Trial, value: float, step: int) -> None:
        curve.append((time.perf_counter() - start, value))
        genuine(trial, value, step)

    with fresh_task(options.photos, seed=options.seed, search_time=options.budget, trials=options.trials) as task:
        Trial.report = noting  # type: ignore[method-assign]
        try:
            fit_tuned(task, SCRATCH_SIZE)
        finally:
            Trial.report = genuine  # type: ignore[method-assign]
    return curve


def stock(options: argparse.Namespace) -> Curve:
    """KerasTuner, until the time is over."""
    import keras_tuner

    keras.utils.set_random_seed(options.seed)
    start = time.perf_counter()
    curve: Curve = []

    def stop(*_: object) -> None:
        if time.perf_counter() - start > options.stock_budget:
            raise TimeIsOver

    with fresh_task(options.photos, seed=options.seed) as task, TemporaryDirectory() as place:
        how = {"objective": "val_loss", "seed": options.seed, "directory": place, "project_name": "search"}
        model = space_for(keras_tuner, task, class_folders(task, Path(place)))
        if options.search == "random":
            tuner = keras_tuner.RandomSearch(model, max_trials=1000, **how)
        else:
            tuner = keras_tuner.Hyperband(model, max_epochs=PLAN.epochs, **how)
        model.noting = lambda: [noted(curve, start), keras.callbacks.LambdaCallback(on_epoch_end=stop)]
        with contextlib.suppress(TimeIsOver):
            tuner.search(epochs=PLAN.epochs, verbose=0)
    return curve


def space_for(keras_tuner: Any, task: Task, folders: dict[str, Path]) -> Any:
    """The same space, for KerasTuner."""
    space = search_space()

    def draw(hp: Any, name: str) -> Any:
        if hasattr(space[name], "choices"):
            return hp.Choice(name, list(space[name].choices))
        return hp.Float(name, space[name].low, space[name].high, sampling="log" if space[name].log else "linear")

    def side(hp: Any) -> int:
        return round(SCRATCH_SIZE * draw(hp, "image_scale"))

    class Tried(keras_tuner.HyperModel):  # type: ignore[misc, name-defined]
        def build(self, hp: Any) -> Any:
            network = with_augmentation(
                len(task.classes), side(hp), draw(hp, "width"), draw(hp, "dropout"), draw(hp, "augmentation")
            )
            optimizer = keras.optimizers.AdamW(draw(hp, "learning_rate"), weight_decay=draw(hp, "weight_decay"))
            network.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
            return network

        def fit(self, hp: Any, network: Any, *_: Any, callbacks: Any = (), **how: Any) -> Any:
            train, valid = datasets(folders, side(hp), draw(hp, "batch_size"))
            patient = keras.callbacks.EarlyStopping(patience=PLAN.patience)
            return network.fit(train, validation_data=valid, callbacks=[*callbacks, patient, *self.noting()], **how)

    return Tried()


def with_augmentation(n_classes: int, side: int, width: float, dropout: float, strength: float) -> Any:
    """The deeper CNN behind the augmentation layers of tutorials."""
    layers = keras.layers
    photo = keras.Input((side, side, 3))
    x = layers.RandomFlip("horizontal")(photo)
    x = layers.RandomRotation(strength * 15 / 360)(x)
    x = layers.RandomZoom(0.2 * strength)(x)
    x = layers.RandomTranslation(0.1 * strength, 0.1 * strength)(x)
    return keras.Model(photo, networks.deeper(n_classes, side, width=width, dropout=dropout)(x))


def main() -> None:
    """Measure and keep the figures."""
    taken = parser(__doc__)
    taken.add_argument("--budget", type=float, default=75, help="seconds of our search")
    taken.add_argument("--stock-budget", type=float, default=300, help="seconds of the other")
    taken.add_argument("--trials", type=int, default=30, help="of ours, at most")
    taken.add_argument("--search", choices=("random", "hyperband"), default="random")
    taken.add_argument("--seed", type=int, default=0)
    options = taken.parse_args()
    if find_spec("keras_tuner") is None:
        sys.stdout.write("Not measured: KerasTuner is not installed. Next: pip install keras-tuner\n")
        return
    with inputs(options):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Time both in turn, each pair with a seed of its own."""
    curves: dict[str, list[Curve]] = {OURS: [], STOCK: []}
    runs = {OURS: ours, STOCK: stock}
    times, reached = [], []
    for number in range(options.pairs):
        own = argparse.Namespace(**{**vars(options), "seed": options.seed + number})
        for name in sorted(runs, reverse=bool(number % 2)):
            curves[name].append(apart(name, runs[name], own).found)
        loss = min(value for _, value in curves[OURS][-1])
        reached.append(min(value for _, value in curves[STOCK][-1]) <= loss)
        theirs = seconds_to(curves[STOCK][-1], loss) if reached[-1] else options.stock_budget
        times.append(theirs / seconds_to(curves[OURS][-1], loss))
    ends = {name: [round(min(loss for _, loss in curve), 4) for curve in some] for name, some in curves.items()}
    keep(
        "tuning",
        f"The search for hyper-parameters on {options.photos.name} to the validation loss at which ours ends after "
        f"{options.budget:.0f} seconds, beside {options.search} with {options.stock_budget:.0f}; of {options.pairs} "
        f"pairs KerasTuner came to it in {sum(reached)}, and for the others its whole time stands",
        {
            "to_equal_loss": spread(times),
            "ends": ends,
            "came to it": reached,
            "curves": curves,
            "aim": {"to equal loss, times": 4.0},
            "reached": {"to equal loss, times": spread(times)["median"]},
        },
    )


if __name__ == "__main__":
    main()
