"""The page's files, read once from the package."""

from importlib.resources import files
from pathlib import PurePosixPath
from typing import Final

from starlette.responses import Response

from tellapart.deploy.serving.refusals import RefusedError

START: Final = "index.html"
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


class Pages:
    """What a browser loads: a fixed table of names, so that no name leads out of the folder."""

    def __init__(self) -> None:
        folder = files("tellapart.deploy") / "web"
        self._files = {
            item.name: item.read_bytes() for item in folder.iterdir() if PurePosixPath(item.name).suffix in _TYPES
        }

    def response(self, name: str) -> Response:
        """One file.

        Raises:
            RefusedError: 404, there is none of that name.
        """
        content = self._files.get(name)
        if content is None:
            raise RefusedError(404, "there is no such file; accepted: what the page at / loads")
        kind = _TYPES[PurePosixPath(name).suffix]
        return Response(content, headers={"Cache-Control": "no-cache", "Content-Type": kind})
