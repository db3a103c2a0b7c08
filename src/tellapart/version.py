"""The version of this package: here and in pyproject.toml, and a test holds them together."""

from typing import Final

VERSION: Final = "0.1.0"
