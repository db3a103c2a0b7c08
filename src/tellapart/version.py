"""The version of this package: here and in pyproject.toml, and a test holds them together."""

from typing import Final

VERSION: Final = "0.1.0"
# No clock can be right that is before this day.
MADE: Final = "2026-11-01"
