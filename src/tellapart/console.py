"""Progress and tables on a terminal; everything but results goes to standard error."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table

from tellapart.plain_text import for_terminal
from tellapart.progress import Bar
from tellapart.stopping import raise_if_interrupted


class _TerminalBar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, n: int = 1) -> None:
        raise_if_interrupted()
        self._progress.advance(self._task, n)

    def say(self, text: str) -> None:
        self._progress.update(self._task, said=escape(for_terminal(text)))


class Terminal:
    """A `Progress` that draws bars on a terminal, and tells only notes elsewhere (a log, a pipe)."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, emoji=False)
        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=22)),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            # Where the terminal is narrow the live figures give way, not the bar.
            TextColumn("{task.fields[said]}", style="dim", table_column=Column(no_wrap=True, overflow="ellipsis")),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )

    def note(self, text: str) -> None:
        """Print a line that stays."""
        raise_if_interrupted()
        with suppress(OSError):  # a log on a full disk must not end the work
            self._console.print(for_terminal(text), markup=False, soft_wrap=True)

    @contextmanager
    def bar(self, title: str, total: int) -> Iterator[Bar]:
        """Draw a bar, under those that are open."""
        task = self._progress.add_task(escape(for_terminal(title)), total=total or None, said="")
        outermost = len(self._progress.tasks) == 1
        if outermost:
            self._progress.start()
        try:
            yield _TerminalBar(self._progress, task)
        finally:
            self._progress.remove_task(task)
            if outermost:
                self._progress.stop()


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print a table of results to standard output; numbers are right-aligned."""
    table = Table(title=escape(for_terminal(title)), title_justify="left", header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(escape(for_terminal(column)), justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(escape(for_terminal(cell)) for cell in row))
    results_console().print(table)


def print_findings(findings: list[tuple[str, str, str]]) -> None:
    """Print findings (severity, what it is, what to do) to standard output; long lines are folded."""
    console = results_console()
    if not findings:
        console.print("Nothing wrong was found.")
        return
    table = Table(title="What the audit found", title_justify="left", header_style="bold", show_lines=True)
    table.add_column("", no_wrap=True)
    table.add_column("found")
    table.add_column("what to do")
    for finding in findings:
        table.add_row(*(escape(for_terminal(cell)) for cell in finding))
    console.print(table)


def results_console() -> Console:
    """Give standard output; in a file or a pipe it is so wide that no column need be cut."""
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = 240
    return console
