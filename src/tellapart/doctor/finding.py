"""What a check found, and what it may look at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

State = Literal["ok", "absent", "warn", "wrong"]
REINSTALL: Final = "pip install --force-reinstall tellapart"


@dataclass(frozen=True)
class Scope:
    """What the checks look at.

    Attributes:
        cache: The cache's folder.
        store: The folder of weights.
        thorough: Whether what takes more than a moment is done too: training frameworks imported, large files read.
    """

    cache: Path
    store: Path
    thorough: bool = False


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: "ok"; "absent" for an optional part that is not installed; "warn" for what works, but badly or not for
            long; "wrong" for what does not work.
        what: That was looked at.
        found: In words.
        mend: The one command that mends it; "" where nothing has to be.
        repair: Does so where that loses nothing, and tells what it did; None where only the user can.
    """

    state: State
    what: str
    found: str
    mend: str = ""
    repair: Callable[[], str] | None = None


Check = Callable[[Scope], Iterator[Finding]]
