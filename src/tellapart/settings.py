"""What `fit` was asked for and what it settled on, as it stands in results.json: enough to run it again."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tellapart.models.choice import Choice
from tellapart.models.weights import fingerprint


def settled(source: Path, weights: Path | None, backbones: Choice | None, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run.

    Args:
        source: The photos, as given.
        weights: The weights file, as given.
        backbones: Those that the run used, if any.
        asked: Every other argument of `fit`, under its name there. Whatever stands here is handed
            to `fit` again by `tellapart reproduce`.

    Returns:
        `asked`, and: `photos`, `photos_absolute`; `weights`, absolute, where a file was given; `backbone`,
        as settled; `weights_files`, by backbone its `file` and `sha256`; `version`.
    """
    return {
        "photos": str(source),
        "photos_absolute": str(source.resolve()),
        **asked,
        "backbone": ",".join(backbones.names) if backbones else None,
        "weights": str(weights.resolve()) if weights else None,
        "weights_files": {
            name: {"file": path.name, "sha256": fingerprint(path)}
            for name, path in (backbones.weights if backbones else {}).items()
        },
        "version": _version(),
    }


def _version() -> str:
    try:
        return version("tellapart")
    except PackageNotFoundError:  # run from its source, without having been installed
        return ""
