"""Standing in for the user: somebody who types commands, and reads what a long job tells."""

import sys

import pytest

from tellapart import cli
from tellapart.progress import Silent


class Notes(Silent):
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Run the command line in this process: status, standard output, standard error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tellapart", *map(str, words)])
        status: object = 0
        try:
            cli.main()
        except SystemExit as leave:
            status = leave.code or 0
    captured = capsys.readouterr()
    assert isinstance(status, int)
    return status, captured.out, captured.err
