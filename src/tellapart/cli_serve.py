"""`tellapart serve`: a model file behind HTTP, with a page for people."""

import re
import secrets
from pathlib import Path
from typing import Annotated, Final

import typer

from tellapart.deploy.serving.options import VARIABLE
from tellapart.errors import OptionError
from tellapart.machine import usable_cores
from tellapart.printing import echo

AUTO: Final = "auto"
_TOKEN: Final = re.compile(r"[\x21-\x7e]{16,256}")


def serve(
    model: Annotated[Path, typer.Argument(help="A model.onnx, or the run folder that holds it.")],
    host: Annotated[str, typer.Option(help="Where to listen; other machines need --token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8000,
    token: Annotated[
        str | None, typer.Option(envvar=VARIABLE, help="What a request must show; auto makes one.")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name that a reverse proxy passes on as Host; may be given again.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that decode; one a core.", min=1, max=64)] = None,
) -> None:
    """Answer photos over HTTP, with a page for people: predict, heat maps, health, metrics."""
    shown = settle_token(host, token)
    from tellapart.deploy.runtime import load
    from tellapart.deploy.server import ServerSettings, make_app
    from tellapart.deploy.serving.running import open_socket, run_server

    settings = ServerSettings(
        name=name_of(model),
        host=host,
        token=shown,
        allow_hosts=tuple(allow_host or ()),
        workers=workers or usable_cores(),
    )
    loaded = load(model)
    with open_socket(host, port) as listener:
        app = make_app(loaded, settings)
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/"
        # What follows the # is never sent to a server, nor written to its logs.
        told = f"{address}#token={shown}" if shown and token == AUTO else address
        run_server(app, listener, lambda: echo(f"Serving {settings.name} at {told} (Ctrl-C ends it)", err=True))
    echo("Stopped; what was let in is answered.", err=True)


def settle_token(host: str, token: str | None) -> str | None:
    """The token that requests have to show.

    Raises:
        OptionError: Other machines could ask without one, or it is too easy.
    """
    from tellapart.deploy.serving.security import is_loopback

    if token == AUTO:
        return secrets.token_urlsafe(24)
    if token is None and not is_loopback(host):
        raise OptionError(
            f"--host {host} lets other machines ask, and there is no token. Accepted: 127.0.0.1 without one. "
            "Next: --token auto"
        )
    if token is not None and not _TOKEN.fullmatch(token):
        raise OptionError("That token is too easy. Accepted: 16 to 256 plain characters, no spaces. Next: --token auto")
    return token


def name_of(model: Path) -> str:
    """What a model is called: by its file, or by its run folder where the file is called as all are."""
    place = model if model.is_dir() else model.parent if model.stem == "model" else model.with_suffix("")
    name = re.sub(r"[^\w.-]+", "-", place.resolve().name, flags=re.ASCII).strip("-.")
    return name or "model"
