"""Short cuts for tests of what stands around: brief explanations, which `tests/explain` tries whole, and no tracing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tellapart.explain import inside, ladder_heatmaps, maximise

# As text, for tests that run the package in a process of its own.
SCRIPT = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pytest import MonkeyPatch
from brief import brief_explanations
brief_explanations(MonkeyPatch())
"""


def brief_explanations(patch: pytest.MonkeyPatch) -> None:
    """Spend a hundredth of the arithmetic on pictures that excite and on maps, and look at 24 photos instead of 400."""
    patch.setattr(maximise, "_COST", 5e10)
    patch.setattr(maximise, "_FEWEST", 4)
    patch.setattr(inside, "_PHOTOS", 24)
    patch.setattr(ladder_heatmaps, "_SAMPLE", 8e9)


def untraced(patch: pytest.MonkeyPatch) -> None:
    """Train operation by operation: TensorFlow takes longer to trace a network than to train it for so few steps."""
    from tellapart.models.backend import keras

    # Where it stands: a network whose class has a `compile` of its own is not compiled when it is loaded.
    trainer = next(base for base in keras.Model.__mro__ if "compile" in vars(base))
    genuine = trainer.compile

    def compile_untraced(network: Any, *given: Any, **how: Any) -> None:
        genuine(network, *given, **{**how, "run_eagerly": True})

    patch.setattr(trainer, "compile", compile_untraced)


@contextmanager
def brief() -> Iterator[pytest.MonkeyPatch]:
    """Both, while the block runs; what else is to be changed meanwhile may be added."""
    with pytest.MonkeyPatch.context() as patch:
        brief_explanations(patch)
        untraced(patch)
        yield patch
