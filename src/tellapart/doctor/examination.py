"""Every check in a table, done at once; one that fails itself is a finding too."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from tellapart.doctor import engines, kept_files, packages, resources, surroundings
from tellapart.doctor.finding import REINSTALL, Check, Finding, Scope

CHECKS: Final[tuple[Check, ...]] = (
    packages.check_python,
    packages.check_packages,
    packages.check_imports,
    engines.check_backend,
    engines.check_onnx_runtime,
    engines.check_graphics,
    kept_files.check_weights,
    kept_files.check_cache,
    kept_files.check_leftovers,
    kept_files.check_records,
    resources.check_threads,
    resources.check_load,
    resources.check_memory,
    resources.check_disk,
    resources.check_current_folder,
    surroundings.check_clock,
    surroundings.check_text,
    surroundings.check_temporary_files,
    surroundings.check_permissions,
    surroundings.check_network,
)


def examine(scope: Scope, checks: Iterable[Check] = CHECKS) -> list[Finding]:
    """Do all checks, those that wait for other processes beside each other.

    Returns:
        What they found, in the order of the table.
    """
    with ThreadPoolExecutor(4) as pool:
        return [finding for found in pool.map(lambda check: _done(check, scope), checks) for finding in found]


def mended(findings: Iterable[Finding]) -> list[Finding]:
    """Mend what can be mended without losing anything; the findings as they are then, what was done in words."""
    return [_mended(finding) for finding in findings]


def _done(check: Check, scope: Scope) -> list[Finding]:
    try:
        return list(check(scope))
    except Exception as problem:  # what is broken here can be broken in any way, and the other checks matter
        name = check.__name__.removeprefix("check_").replace("_", " ")
        told = " ".join(f"{type(problem).__name__}: {problem}".split())
        return [Finding("wrong", name, f"this check failed itself: {told[:200]}", REINSTALL)]


def _mended(finding: Finding) -> Finding:
    if finding.repair is None:
        return finding
    try:
        done = finding.repair()
    except Exception as problem:  # as above
        told = " ".join(str(problem).split())
        return replace(finding, found=f"{finding.found}; not mended: {told}", repair=None)
    return Finding("ok", finding.what, f"mended: {done}")
