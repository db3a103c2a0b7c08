"""A learning curve and a naive score as fit would leave them, made up."""

from typing import Any


def fake_curve(names: list[str]) -> dict[str, Any]:
    """A curve that rises from 70 to 85 per cent, forecast to 91."""

    def at(photos: int) -> float:
        return float(0.05 + 0.1 * (photos / 160) ** -0.5)

    def point(photos: int) -> dict[str, Any]:
        return {"photos": photos, "accuracy": 1 - at(photos), "low": 0.96 - at(photos), "high": 1.03 - at(photos)}

    sizes = [20, 40, 57, 80, 113, 160]
    return {
        "features": "vgg16", "photos": 200, "sizes": sizes,
        "errors": [[at(size) + 0.01 * (draw - 2) for draw in range(5)] for size in sizes],
        "fit": {
            "at": 160, "from": 20, "floor": 0.05, "floor_low": 0.01, "floor_high": 0.09, "scale": 0.1,
            "scale_low": 0.06, "scale_high": 0.14, "exponent": 0.5, "exponent_low": 0.3, "exponent_high": 0.8,
        },
        "curve": [point(photos) for photos in (20, 40, 80, 160, 320, 640, 800)],
        "forecast": [
            {"factor": factor, **point(200 * factor), "gain": gain, "gain_low": 0.7 * gain, "gain_high": 1.2 * gain}
            for factor, gain in ((1, 0.0), (2, 0.026), (4, 0.045))
        ],
        "one_point": {"factor": 1.3, "low": 1.2, "high": None, "photos": 260},
        "classes": [
            {
                "name": name, "photos": 50, "recall": 0.8, "low": 0.7, "high": 0.88, "taken_for": names[place - 1],
                "share": 0.1, "gain": 0.05, "gain_low": 0.02, "gain_high": 0.08, "rises": place == 0,
            }
            for place, name in enumerate(names)
        ],
        "verdict": "rising",
        "sentence": f"More photos would help: about 2.6 points. Begin with “{names[0]}”.",
    }  # fmt: skip


def fake_naive() -> dict[str, Any]:
    """A random split that promised too much."""
    return {
        "features": "vgg16", "naive": 0.931, "honest": 0.902, "difference": 0.029, "low": 0.01, "high": 0.05,
        "groups": 24, "photos_in_groups": 60,
        "sentence": "A random split would have promised 93.1 % where 90.2 % is honest.",
    }  # fmt: skip
