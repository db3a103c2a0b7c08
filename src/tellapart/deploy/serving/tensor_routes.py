"""The Open Inference Protocol, version 2, over HTTP: what KServe, Triton and their clients speak."""

from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from tellapart.deploy.runtime import HEAT, PROBABILITIES, STRANGER, Answer
from tellapart.deploy.serving.bodies import read_body
from tellapart.deploy.serving.gate import TICKET
from tellapart.deploy.serving.inference_request import INPUT, TYPES
from tellapart.deploy.serving.options import package_version
from tellapart.deploy.serving.refusals import RefusedError, json_response, leaving
from tellapart.deploy.serving.schemas import LIVE, NAMED, READY, TENSORS_IN, TENSORS_OUT, refused, told
from tellapart.deploy.serving.service import Service

_READ: Final = (400, 401, 403, 404, 421)
_WORK: Final = (*_READ, 408, 413, 415, 429, 500, 503, 504)


def tensor_routes(service: Service) -> APIRouter:
    """All of them, for one service."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])
    _add_health(router, service)
    name = service.settings.name
    named = Annotated[str, Path(json_schema_extra={"enum": [name]}, description="The name that GET /model tells.")]

    def known(model: str) -> None:
        if model != name:
            raise RefusedError(404, "there is no model of that name; accepted: the name that GET /model tells")

    @router.get("/models/{model}", summary="Inputs and outputs", responses={**told(NAMED), **refused(*_READ)})
    async def tell(model: named) -> Response:
        known(model)
        return json_response(_described(service))

    @router.get("/models/{model}/ready", summary="Readiness", responses={**told(READY), **refused(*_READ, 503)})
    async def ready(model: named) -> Response:
        known(model)
        return _readiness(service, {"name": name, "ready": True})

    @router.post(
        "/models/{model}/infer",
        summary="Answer tensors",
        responses={**told(TENSORS_OUT), **refused(*_WORK)},
        openapi_extra={"requestBody": TENSORS_IN},
    )
    async def infer(model: named, request: Request) -> Response:
        known(model)
        ticket = request.scope[TICKET]
        if request.headers.get("content-type", "application/json").partition(";")[0].strip() != "application/json":
            raise RefusedError(415, "the Content-Type is of another kind; accepted: application/json")
        body = await read_body(request.receive, request.headers, service.settings, ticket)
        asked, answers = await service.answer_tensors(body, ticket)
        return json_response(_inferred(service, asked, answers))

    return router


def _add_health(router: APIRouter, service: Service) -> None:
    @router.get("", summary="The server", responses={**told(NAMED), **refused(400, 401, 403, 421)})
    async def server() -> Response:
        return json_response({"name": "tellapart", "version": package_version(), "extensions": []})

    @router.get("/health/live", summary="Liveness", responses={**told(LIVE), **refused(400, 401, 403, 421)})
    async def live() -> Response:
        return json_response({"live": True})

    @router.get("/health/ready", summary="Readiness", responses={**told(READY), **refused(400, 401, 403, 421, 503)})
    async def ready() -> Response:
        return _readiness(service, {"ready": True})


def _readiness(service: Service, told_then: dict[str, Any]) -> Response:
    if not service.ready:
        raise leaving()
    return json_response(told_then)


def _described(service: Service) -> dict[str, Any]:
    size, classes = service.model.spec.size, len(service.model.classes)
    shapes = {PROBABILITIES: [-1, classes], STRANGER: [-1], HEAT: [-1, -1, -1]}
    return {
        "name": service.settings.name,
        "versions": ["1"],
        "platform": "onnx_onnxruntime",
        "inputs": [{"name": INPUT, "datatype": kind, "shape": [-1, size, size, 3]} for kind in list(TYPES)[:1]],
        "outputs": [{"name": name, "datatype": "FP32", "shape": shapes[name]} for name in service.outputs],
    }


def _inferred(service: Service, asked: dict[str, Any], answers: list[Answer]) -> dict[str, Any]:
    found = {PROBABILITIES: np.stack([answer.probabilities for answer in answers if answer.probabilities is not None])}
    if STRANGER in service.outputs:
        found[STRANGER] = np.array([answer.stranger for answer in answers], dtype=np.float32)
    maps = [answer.heat for answer in answers if answer.heat is not None]
    if maps:
        found[HEAT] = np.stack(maps)
    names = asked["outputs"] or list(found)
    told_of = {
        "model_name": service.settings.name,
        "model_version": "1",
        "outputs": [_tensor(n, found[n]) for n in names],
    }
    return {**told_of, "id": asked["id"]} if asked["id"] is not None else told_of


def _tensor(name: str, array: np.ndarray) -> dict[str, Any]:
    return {"name": name, "shape": list(array.shape), "datatype": "FP32", "data": array.ravel().tolist()}
