"""What `explain.ladder_heatmaps` leaves in a run folder, made without a model."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.files import write_bytes, write_json

_STEPS = (("majority", "Always the commonest class"), ("baseline", "Simple CNN"), ("bottleneck", "Bottleneck features"))
_METHODS = {"hirescam": "HiResCAM", "occlusion": "Occlusion"}
_WARNING = {"what": "80 % of what speaks for it lies outside the middle half of its photos.", "advice": "Look at it."}


def write_looks(run: Path, names: list[str], warnings: list[dict[str, Any]] | None = None) -> None:
    """Write `explanations/heatmaps.json` and `.npz`: a photo that is right, a mistake, and one by two methods."""
    generator = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}

    def photo(name: str, label: str, explained: str, maps: list[dict[str, Any]]) -> dict[str, Any]:
        arrays[name] = generator.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        for place, one in enumerate(maps):
            one["map"] = None if one["method"] is None else f"{name}_{place}"
            if one["map"]:
                arrays[one["map"]] = generator.integers(0, 256, (40, 60), dtype=np.uint8)
        return {"path": f"{label}/1.jpg", "class": label, "explained": explained, "photo": name, "maps": maps}

    def told(recipe: str, method: str | None, **more: Any) -> dict[str, Any]:
        said = {"recipe": recipe, "predicted": names[1], "probability": 0.75, "probability_of_class": 0.2, "score": 0.1}
        return {**said, "method": method, **({"in_middle": 0.6} if method else {}), **more}

    def steps() -> list[dict[str, Any]]:
        return [told(recipe, None if recipe == "majority" else "hirescam") for recipe, _ in _STEPS]

    methods = [told("bottleneck", "hirescam"), told("bottleneck", "occlusion", against=0.3)]
    row = {"name": names[1], "photos": 12, "outside": 0.8, "low": 0.7, "high": 0.9, "features": ["sharpness"]}
    few = {"name": names[0], "photos": 2, "outside": 0.3, "low": None, "high": None, "features": []}
    content = {
        "format": 1,
        "method": "hirescam",
        "chosen": "bottleneck",
        "steps": [{"recipe": name, "title": title, "looks": name != "majority"} for name, title in _STEPS],
        "photos": [
            photo("photo0", names[0], names[0], steps()),
            photo("photo1", names[1], names[0], steps()),
        ],
        "methods": [photo("methods0", names[0], names[0], methods)],
        "titles": _METHODS,
        "outside": [{**row, "suspicious": True}, {**few, "suspicious": False}],
        "warnings": [{"class": names[1], **_WARNING}] if warnings is None else warnings,
    }
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    write_bytes(run / "explanations" / "heatmaps.npz", packed.getvalue())
    write_json(run / "explanations" / "heatmaps.json", content)
