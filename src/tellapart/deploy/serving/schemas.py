"""What goes in and out, for the OpenAPI document."""

from typing import Any, Final

Responses = dict[int | str, dict[str, Any]]

_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "number"}
_ERROR: Final = {"type": "object", "properties": {"error": _TEXT}, "required": ["error"]}
_WHY: Final = {
    400: "The request cannot be read.",
    401: "The token is missing or wrong.",
    403: "A page of another site asks.",
    404: "There is no such thing.",
    408: "The body took too long to arrive.",
    413: "The body is too large, or holds too many photos.",
    415: "The content is of another type.",
    421: "The Host is not served here.",
    429: "The queue is full; Retry-After says when to try again.",
    500: "A fault of the server.",
    503: "The server is starting or stopping.",
    504: "The deadline has passed.",
}


def _object(properties: dict[str, Any], *optional: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _many(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


_HEAT: Final = _object(
    {"rows": {"type": "integer"}, "columns": {"type": "integer"}, "values": _many(_NUMBER), "covers": _many(_NUMBER)}
)
_ANSWER: Final = _object(
    {
        "answer": _TEXT,
        "predicted": _TEXT,
        "probabilities": {"type": "object", "additionalProperties": _NUMBER},
        "set": _or_null(_many(_TEXT)),
        "stranger": _or_null(_NUMBER),
        "heat": _or_null(_HEAT),
    }
)
ANSWERS: Final = _object({"answers": _many({"anyOf": [_ANSWER, _ERROR]})})
MODEL: Final = _object(
    {
        "name": _TEXT,
        "classes": _many(_TEXT),
        "recipe": _TEXT,
        "backbone": _or_null(_TEXT),
        "licence": _or_null(_TEXT),
        "image_size": {"type": "integer"},
        "geometry": {"type": "string", "enum": ["squash", "letterbox", "crop"]},
        "scores": {"type": "object"},
        "fingerprints": {"type": "object"},
        **{name: {"type": "boolean"} for name in ("knows_strangers", "has_sets", "has_heat")},
        "limits": {"type": "object"},
        "stranger_false_alarms": _or_null(_NUMBER),
        "version": _TEXT,
    }
)
STATE: Final = _object({"status": _TEXT})
LIVE: Final = _object({"live": {"type": "boolean"}})
READY: Final = _object({"ready": {"type": "boolean"}}, "ready")
NAMED: Final = _object({"name": _TEXT})
_BINARY: Final = {"type": "string", "format": "binary"}
PHOTOS: Final = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": _object({"photo": {**_many(_BINARY), "minItems": 1, "maxItems": 16}})},
        "application/octet-stream": {"schema": _BINARY},
        "image/*": {"schema": _BINARY},
    },
}
_SHAPE: Final = _many({"type": "integer"})
_TENSOR: Final = _object({"name": _TEXT, "shape": _SHAPE, "datatype": _TEXT, "data": _many({})})
_PHOTO: Final = _object(
    {
        "name": {"type": "string", "const": "photo"},
        "shape": {**_SHAPE, "minItems": 4, "maxItems": 4},
        "datatype": {"type": "string", "enum": ["FP32", "UINT8"]},
        "data": {**_many({}), "description": "RGB, 0 to 255; flat or nested."},
    }
)
TENSORS_IN: Final = {
    "required": True,
    "content": {
        "application/json": {
            "schema": _object(
                {
                    "id": _TEXT,
                    "inputs": {**_many(_PHOTO), "minItems": 1, "maxItems": 1},
                    "outputs": _many(_object({"name": _TEXT})),
                },
                "id",
                "outputs",
            )
        }
    },
}
TENSORS_OUT: Final = _object(
    {"model_name": _TEXT, "model_version": _TEXT, "id": _TEXT, "outputs": _many(_TENSOR)}, "id"
)


def told(schema: dict[str, Any], status: int = 200) -> Responses:
    """An answer in JSON."""
    line = "The answer." if status == 200 else "None of the photos could be read; each answer says why."
    return {status: {"description": line, "content": {"application/json": {"schema": schema}}}}


def plain() -> Responses:
    """An answer in plain text."""
    return {200: {"description": "The answer.", "content": {"text/plain": {"schema": _TEXT}}}}


def refused(*statuses: int) -> Responses:
    """The refusals that a route may give."""
    return {
        status: {"description": _WHY[status], "content": {"application/json": {"schema": _ERROR}}}
        for status in statuses
    }
