"""The addresses for people and their programs: page, model, photos, health, metrics."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from tellapart.deploy.serving.about import about
from tellapart.deploy.serving.bodies import photos_in, read_body
from tellapart.deploy.serving.gate import TICKET
from tellapart.deploy.serving.meters import CONTENT_TYPE
from tellapart.deploy.serving.pages import START, Pages
from tellapart.deploy.serving.refusals import RefusedError, json_response, leaving
from tellapart.deploy.serving.schemas import ANSWERS, MODEL, PHOTOS, STATE, plain, refused, told
from tellapart.deploy.serving.service import Service
from tellapart.errors import OptionError

Reject = Annotated[float | None, Query(gt=0, lt=1, description="The share of wrong answers that is wished for.")]
Heat = Annotated[bool, Query(description="Whether the heat map of each photo is wanted.")]
_WORK: Final = (400, 401, 403, 408, 413, 415, 421, 429, 500, 503, 504)


def photo_routes(service: Service) -> APIRouter:
    """All of them, for one service."""
    router = APIRouter()
    _add_health(router, service)
    _add_pages(router, Pages())
    model = about(service)

    @router.get("/model", summary="What the model is", responses={**told(MODEL), **refused(400, 401, 403, 421)})
    async def tell_model() -> Response:
        return json_response(model)

    @router.post(
        "/predict",
        summary="Answer photos",
        responses={**told(ANSWERS), **told(ANSWERS, 422), **refused(*_WORK)},
        openapi_extra={"requestBody": PHOTOS},
    )
    async def predict(request: Request, heat: Heat = False, reject: Reject = None) -> Response:
        try:
            threshold = service.model.threshold(reject)
        except OptionError as problem:
            raise RefusedError(400, str(problem)) from None
        headers, ticket = request.headers, request.scope[TICKET]
        with service.metrics.timed("body"):
            body = await read_body(request.receive, headers, service.settings, ticket)
        photos = photos_in(body, headers.get("content-type", ""), service.settings.photos_per_request)
        ticket.take(len(photos))
        answers = await service.answer_photos(photos, threshold=threshold, heat=heat)
        return json_response({"answers": answers}, 200 if any("answer" in answer for answer in answers) else 422)

    return router


def _add_pages(router: APIRouter, pages: Pages) -> None:
    @router.get("/", include_in_schema=False)
    async def start() -> Response:
        return pages.response(START)

    @router.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        return pages.response(name)


def _add_health(router: APIRouter, service: Service) -> None:
    @router.get("/healthz", summary="Whether the process lives", responses={**told(STATE), **refused(400, 403, 421)})
    async def healthy() -> Response:
        return json_response({"status": "alive"})

    @router.get(
        "/readyz", summary="Whether photos are answered", responses={**told(STATE), **refused(400, 403, 421, 503)}
    )
    async def ready() -> Response:
        if not service.ready:
            raise leaving()
        return json_response({"status": "ready"})

    @router.get("/metrics", summary="For Prometheus", responses={**plain(), **refused(400, 401, 403, 421)})
    async def metrics() -> Response:
        return Response(service.metrics.text(), headers={"Content-Type": CONTENT_TYPE})
