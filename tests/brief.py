"""Explanations of a few steps, for tests of what stands around them: `tests/explain` tries them whole."""

from pathlib import Path

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
