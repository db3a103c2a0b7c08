"""What a check is given in tests: a cache and a store of their own."""

from pathlib import Path

from tellapart.doctor.finding import Check, Finding, Scope


def scope_of(folder: Path, *, thorough: bool = False) -> Scope:
    """A cache and a store in a folder."""
    return Scope(folder / "cache", folder / "store", thorough)


def only(check: Check, scope: Scope) -> Finding:
    """The one thing that a check finds."""
    (finding,) = check(scope)
    return finding


def states(check: Check, scope: Scope) -> dict[str, str]:
    """What a check says of each thing."""
    return {finding.what: finding.state for finding in check(scope)}
