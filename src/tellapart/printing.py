"""What commands print beside tables: nothing of it steers a terminal, whatever names of files and classes hold."""

import json
import sys
from contextlib import AbstractContextManager, redirect_stdout
from typing import Any

import typer

from tellapart.plain_text import for_terminal, json_for_terminal


def echo(text: object, *, err: bool = False) -> None:
    """Print a line to standard output, or to standard error."""
    typer.echo(for_terminal(str(text)), err=err)


def echo_json(content: object) -> None:
    """Print JSON on one line; what is read from it is as it was.

    Raises:
        ValueError: NaN or infinity, which are not JSON.
    """
    typer.echo(json_for_terminal(json.dumps(content, ensure_ascii=False, allow_nan=False)))


def quiet() -> AbstractContextManager[Any]:
    """Standard output is for results; Ray tells there of workers that died."""
    return redirect_stdout(sys.stderr)
