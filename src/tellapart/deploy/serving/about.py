"""What a server tells of its model: name, classes, scores, limits."""

import json
from typing import Any

from tellapart.deploy.serving.options import package_version
from tellapart.deploy.serving.service import Service


def about(service: Service) -> dict[str, Any]:
    """What `GET /model` answers."""
    model, passport = service.model, service.model.passport
    licence = passport.get("licence")
    told = {
        "name": service.settings.name,
        "classes": list(model.classes),
        "recipe": str(passport.get("recipe", "")),
        "backbone": passport.get("backbone"),
        "licence": licence if isinstance(licence, str) else None,
        "image_size": model.spec.size,
        "geometry": model.spec.geometry,
        "scores": passport.get("scores") or {},
        "fingerprints": passport.get("fingerprints") or {},
        "knows_strangers": model.doubts.stranger is not None,
        "has_sets": model.doubts.conformal is not None,
        "has_heat": service.has_heat,
        "limits": service.settings.limits(),
        "stranger_false_alarms": _false_alarms(service),
        "version": package_version(),
    }
    # JSON has no NaN: a score that could not be computed is none.
    checked: dict[str, Any] = json.loads(json.dumps(told), parse_constant=lambda _: None)
    return checked


def _false_alarms(service: Service) -> float | None:
    stranger = service.model.passport.get("stranger")
    if service.model.doubts.stranger is None or not isinstance(stranger, dict) or "quantile" not in stranger:
        return None
    return round(1 - float(stranger["quantile"]), 6)
