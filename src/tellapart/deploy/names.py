"""What the outputs of a model file are called."""

from typing import Final

PROBABILITIES: Final = "probabilities"  # the first output
STRANGER: Final = "stranger"  # how strange a photo is
HEAT: Final = "heat"  # which places of a photo speak for its most probable class
