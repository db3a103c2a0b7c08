"""The search of `tuned` on two workers by three engines, and one trial after another: which finds most in equal time.

    python benchmarks/search_engines.py [--photos PHOTOS] [--pairs 3] [--seconds 60] [--size 96] [--seed 0]
                                        [--only tasks,storage,tune,alone]

- `tasks`: this package's, `--on local --workers 2`: the process that asks holds the study, each trial is a task;
- `storage`: Optuna's own storage (SQLite), opened by two processes that each call `study.optimize`, with the same
  halving by what the storage holds at each rung;
- `tune`: Ray Tune with Optuna's search (TPE) and its scheduler ASHA, two trials at once;
- `alone`: one trial after another on all cores, as without `--on`.

All have the same photos, decoded before, the same space, network and training, the settings of `augmented` first, and
so many seconds from the moment at which their process, which has loaded Keras, begins to search. A worker has one core.
Each pair has a seed of its own; their order changes from pair to pair. Told are epochs done, trials begun, the lowest
validation loss within the time, the seconds until the first epoch was done, and those an epoch of the first trial took,
whose settings are the same by all ways: the others' networks are drawn, larger ones by one way than by another.
"""

import argparse
import json
import math
import multiprocessing
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from paired import inputs, keep, parser, spread
from tutorial import fresh_task

from tellapart.errors import TrainingError
from tellapart.machine import limit_cores, usable_cores
from tellapart.models.halving import cost_of, is_behind, rivals_among
from tellapart.models.scratch import pixels_for
from tellapart.models.search_space import AUGMENTED, Settings, search_space, suggest
from tellapart.models.study import opened_study
from tellapart.models.task import Task
from tellapart.models.training import Epoch, Watcher
from tellapart.models.tuning import fit_tuned
from tellapart.photos.pixels import PixelSpec
from tellapart.training_tasks import keep_to_one_core

WORKERS: Final = 2
_FILE: Final = "epochs.jsonl"  # one line an epoch of any trial, by whoever does it
_MOST: Final = 1000  # trials, which the time ends long before
Heard = Callable[[str, Epoch], None]


def heard_in(folder: Path) -> Heard:
    """What writes an epoch down, with the time of day: processes share no other clock."""

    def hear(trial: str, epoch: Epoch) -> None:
        line = json.dumps([trial, epoch.epoch, epoch.valid_loss, time.time()]) + "\n"
        with (folder / _FILE).open("a", encoding="utf-8") as file:
            file.write(line)  # at once, so that lines of two processes do not mix

    return hear


@contextmanager
def noted_epochs(folder: Path) -> Iterator[None]:
    """Write each epoch of `Settings.fit` down, in this process and those that it forks or that import this module."""
    genuine, hear = Settings.fit, heard_in(folder)

    def fit(self: Settings, task: Task, name: str, size: int, watcher: Watcher | None = None) -> Any:
        inner = watcher.after_epoch if watcher else None

        def after_epoch(epoch: Epoch) -> bool:
            hear(repr(self), epoch)
            return bool(inner and inner(epoch))

        return genuine(self, task, name, size, replace(watcher or Watcher(name), after_epoch=after_epoch))

    Settings.fit = fit  # type: ignore[method-assign]
    try:
        yield
    finally:
        Settings.fit = genuine  # type: ignore[method-assign]


def noted_trial(task: Any, shared: Any) -> Any:
    """A trial of `tasks` in its worker, its epochs written down."""
    from tellapart.one_trial import run_trial

    with noted_epochs(Path(os.environ["SEARCH_ENGINES"])):
        return run_trial(task, shared)


def by_tasks(task: Task, options: argparse.Namespace) -> None:
    """Ours, side by side."""
    from tellapart import trial_tasks
    from tellapart.scale.local import LocalEngine

    trial_tasks.run_trial = noted_trial
    fit_tuned(task, options.size, trial_tasks.Trials(LocalEngine(WORKERS, ahead=1)).run)


def alone(task: Task, options: argparse.Namespace) -> None:
    """Ours, one trial after another."""
    with noted_epochs(Path(os.environ["SEARCH_ENGINES"])):
        fit_tuned(task, options.size)


def by_storage(task: Task, options: argparse.Namespace) -> None:
    """Optuna's storage, which both workers open."""
    with opened_study(task, []):  # made here, with the first trial queued, so that no two make it
        pass
    started = multiprocessing.get_context("spawn")
    given = (task, options, time.time() + options.seconds)
    workers = [started.Process(target=optimize, args=(*given, number)) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def optimize(task: Task, options: argparse.Namespace, until: float, number: int) -> None:
    """A worker of `by_storage`."""
    import optuna

    keep_to_one_core()
    limit_cores(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{task.folder.parent.parent / 'study.db'}", engine_kwargs={"connect_args": {"timeout": 60}}
    )
    tpe = optuna.samplers.TPESampler(seed=1000 * options.seed + number, n_startup_trials=4, constant_liar=True)
    study = optuna.load_study(study_name="tuned", storage=storage, sampler=tpe)

    def objective(trial: Any) -> float:
        losses: dict[int, float] = {}

        def after_epoch(epoch: Epoch) -> bool:
            losses[epoch.epoch] = epoch.valid_loss
            trial.report(epoch.valid_loss, epoch.epoch)
            if is_behind(losses, rivals_among(study.get_trials(deepcopy=False)), cost_of(trial.params)):
                raise optuna.TrialPruned
            return time.time() > until

        fitted = suggest(trial).fit(task, "tuned", options.size, Watcher("tuned", after_epoch=after_epoch))
        return float(fitted.history.rows[fitted.history.best_epoch - 1].valid_loss)

    with noted_epochs(Path(os.environ["SEARCH_ENGINES"])):
        study.optimize(objective, n_trials=_MOST, timeout=max(0.0, until - time.time()), catch=(TrainingError,))


def by_tune(task: Task, options: argparse.Namespace) -> None:
    """Ray Tune: ASHA looks at a trial after each epoch, from the second on, and keeps the better half."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    start = time.time()
    import ray
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    ray.init("local", num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    told = (task, options.size, os.environ["SEARCH_ENGINES"])

    def trainable(drawn: dict[str, Any]) -> None:
        train_for_tune(told, drawn)

    try:
        tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1}),
            param_space=tune_space(tune),
            tune_config=tune.TuneConfig(
                metric="loss",
                mode="min",
                search_alg=OptunaSearch(points_to_evaluate=[asdict(AUGMENTED)], seed=options.seed),
                scheduler=ASHAScheduler(max_t=80, grace_period=2, reduction_factor=2),
                num_samples=_MOST,
                max_concurrent_trials=WORKERS,
                time_budget_s=max(1.0, options.seconds - (time.time() - start)),
            ),
            run_config=tune.RunConfig(storage_path=str(task.folder.parent.parent.resolve()), verbose=0),
        ).fit()
    finally:
        ray.shutdown()


def train_for_tune(told: tuple[Task, int, str], drawn: dict[str, Any]) -> None:
    """A trial of Ray Tune, in its worker."""
    from ray import tune

    keep_to_one_core()
    limit_cores(1)
    task, size, place = told

    def after_epoch(epoch: Epoch) -> bool:
        tune.report({"loss": epoch.valid_loss})  # where ASHA stops the trial it does not come back
        return False

    with noted_epochs(Path(place)):
        Settings(**drawn).fit(task, "tuned", size, Watcher("tuned", after_epoch=after_epoch))


def tune_space(tune: Any) -> dict[str, Any]:
    """The same space, for Ray Tune."""

    def drawn(space: Any) -> Any:
        if hasattr(space, "choices"):
            return tune.choice(list(space.choices))
        return (tune.loguniform if space.log else tune.uniform)(space.low, space.high)

    return {name: drawn(space) for name, space in search_space().items()}


WAYS: Final = {"tasks": by_tasks, "storage": by_storage, "tune": by_tune, "alone": alone}


def child(options: argparse.Namespace) -> None:
    """Search one way, in a process of its own; print what came of it."""
    from tellapart.models.backend import keras

    keras.backend.backend()  # loaded before the clock starts, as in a run that has come to this step
    given = {"search_time": options.seconds, "trials": _MOST, "epochs": options.epochs}
    with fresh_task(options.photos, seed=options.seed, **given) as fresh, tempfile.TemporaryDirectory() as place:
        parts = {part: tuple(replace(one, look=None) for one in getattr(fresh, part)) for part in ("train", "valid")}
        task, spec = replace(fresh, epochs=fresh.folder / "epochs", **parts), PixelSpec(options.size)
        for photos in (task.train, task.valid):
            pixels_for(task, photos, spec)
        os.environ["SEARCH_ENGINES"] = place
        start = time.time()
        WAYS[options.child](task, options)
        took = time.time() - start
        lines = [json.loads(line) for line in (Path(place) / _FILE).read_text(encoding="utf-8").splitlines()]
    sys.stdout.write("\n" + json.dumps(figures_of(lines, start, options.seconds, took)) + "\n")


def figures_of(lines: list[list[Any]], start: float, seconds: float, took: float) -> dict[str, Any]:
    """What counts of the epochs that were done within the time."""
    within = [line for line in lines if line[3] - start <= seconds]
    if not within:
        sys.exit(f"No epoch was done within {seconds:.0f} seconds. Next: a larger --seconds")
    return {
        "epochs": len(within),
        "trials": len({line[0] for line in within}),
        "lowest loss": round(min(line[2] for line in within), 4),
        "first epoch after, seconds": round(min(line[3] for line in lines) - start, 2),
        "first trial, seconds an epoch": seconds_an_epoch([line[3] for line in within if line[0] == repr(AUGMENTED)]),
        "whole, seconds": round(took, 2),
        "curve": [[round(line[3] - start, 2), round(line[2], 4)] for line in within],
    }


def seconds_an_epoch(ends: list[float]) -> float | None:
    """What an epoch of a trial took, the first, in which it is compiled, left out."""
    return round((ends[-1] - ends[0]) / (len(ends) - 1), 2) if len(ends) > 1 else None


def run(way: str, options: argparse.Namespace) -> dict[str, Any]:
    """One way, in a process of its own."""
    words = {"photos": options.photos, "seconds": options.seconds, "size": options.size, "seed": options.seed}
    words |= {"child": way} | ({"epochs": options.epochs} if options.epochs else {})
    command = [sys.executable, __file__, *(str(part) for name, value in words.items() for part in (f"--{name}", value))]
    told = subprocess.run(  # noqa: S603
        command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    )
    return json.loads(told.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def main() -> None:
    """Measure all ways in turn, and keep the figures."""
    taken = parser(__doc__, pairs=3)
    taken.add_argument("--seconds", type=float, default=60, help="of each search")
    taken.add_argument("--size", type=int, default=96, help="of photos, in pixels")
    taken.add_argument("--seed", type=int, default=0)
    taken.add_argument("--epochs", type=int, help="a ceiling for each trial")
    taken.add_argument("--only", default=",".join(WAYS), help="ways, with commas")
    taken.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    options = taken.parse_args()
    if options.child:
        child(options)
        return
    with inputs(options):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Each way in turn, each pair with a seed of its own."""
    ways = [way for way in WAYS if way in options.only.split(",")]
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for number in range(options.pairs):
        own = argparse.Namespace(**{**vars(options), "seed": options.seed + number})
        for way in ways if number % 2 == 0 else reversed(ways):
            found[way].append(run(way, own))
            # What is measured outlives an end before the last.
            sys.stderr.write(f"{way} {json.dumps(found[way][-1])}\n")
    told = ("epochs", "trials", "lowest loss", "first epoch after, seconds", "first trial, seconds an epoch")
    figures = {
        way: {name: spread([one[name] for one in some if one[name] is not None] or [math.nan]) for name in told}
        for way, some in found.items()
    }
    keep(
        "search_engines",
        f"The search of `tuned` on {options.photos.name} at {options.size} pixels for {options.seconds:.0f} seconds, "
        f"{usable_cores()} cores: {WORKERS} workers by tasks of this package, by Optuna's storage and by Ray Tune, and "
        "one trial after another",
        {
            "reached": {name: {way: some[name]["median"] for way, some in figures.items()} for name in told},
            "figures": figures,
            "pairs": options.pairs,
            "all": found,
        },
    )


if __name__ == "__main__":
    main()
