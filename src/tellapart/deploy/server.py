"""The server: a model file behind HTTP, as one application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tellapart.deploy.runtime import Model
from tellapart.deploy.serving.gate import Gate
from tellapart.deploy.serving.options import ServerSettings, package_version
from tellapart.deploy.serving.photo_routes import photo_routes
from tellapart.deploy.serving.refusals import RefusedError
from tellapart.deploy.serving.service import Service
from tellapart.deploy.serving.tensor_routes import tensor_routes

__all__ = ["ServerSettings", "make_app"]


def make_app(model: Model, settings: ServerSettings) -> FastAPI:
    """Make the application of a model file; workers start with its lifespan.

    Args:
        model: Loaded and checked.
        settings: Limits, addresses and token.

    Returns:
        An ASGI application; `app.state.service` is what stands behind it.
    """
    service = Service(model, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="Tellapart",
        version=package_version(),
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    app.include_router(photo_routes(service))
    app.include_router(tensor_routes(service))
    app.add_exception_handler(RefusedError, _tell_refusal)
    app.add_exception_handler(RequestValidationError, _tell_validation)
    app.add_exception_handler(HTTPException, _tell_http)
    app.add_middleware(Gate, service=service)
    return app


async def _tell_refusal(_: Request, problem: Exception) -> Response:
    if not isinstance(problem, RefusedError):
        raise problem
    return problem.response()


async def _tell_validation(_: Request, problem: Exception) -> Response:
    """FastAPI's list of faults as one line; what was typed is not sent back."""
    if not isinstance(problem, RequestValidationError):
        raise problem
    faults = [f"{'.'.join(str(place) for place in fault['loc'][1:])}: {fault['msg']}" for fault in problem.errors()]
    return RefusedError(400, f"the request cannot be read ({'; '.join(faults)})").response()


async def _tell_http(_: Request, problem: Exception) -> Response:
    if not isinstance(problem, HTTPException):
        raise problem
    line = {404: "there is nothing at this address", 405: "this address takes another method"}.get(problem.status_code)
    headers = dict(problem.headers or {})
    return RefusedError(problem.status_code, line or str(problem.detail), headers).response()
