"""A request that is not served: a status, one plain line, and never a traceback."""

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from tellapart.errors import TellapartError

RETRY: Final = "Retry-After"


class RefusedError(TellapartError):
    """A request of the server is refused; `str()` is the one line that its sender reads.

    Attributes:
        status: The HTTP status.
        headers: Further headers of the answer.
    """

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(line)
        self.status = status
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer to the request."""
        return json_response({"error": str(self)}, self.status, self.headers)


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer as JSON; numbers that JSON has not are an error, not an answer."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), status, headers, media_type="application/json")


def busy(seconds: float) -> RefusedError:
    """The queue is full."""
    wait = max(1, round(seconds))
    return RefusedError(
        429, f"the server has as many photos under way as it takes; try again in {wait} s", {RETRY: str(wait)}
    )


def leaving() -> RefusedError:
    """The server is about to stop, or not ready yet."""
    return RefusedError(503, "the server is starting or stopping; try again in a moment", {RETRY: "2"})
