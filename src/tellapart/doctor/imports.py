"""Whether modules can be imported, tried in another process: what is broken may end it, or never come back."""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

SECONDS: Final = 60.0  # a training framework on a cold, slow disk takes 30
# Answers go to a copy of standard output, as some modules print while they are imported.
_SCRIPT: Final = """
import importlib, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        told = "ok"
    except BaseException as problem:
        told = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
    print(name, told, file=answers, flush=True)
os._exit(0)
"""


def faults_of_imports(modules: Sequence[str], seconds: float = SECONDS) -> dict[str, str]:
    """What is wrong with each module; "" where it can be imported.

    Args:
        modules: Imported in this order. Where one ends the process or takes too long, the others get a new one.
        seconds: That they may take together.
    """
    found: dict[str, str] = {}
    while waiting := [name for name in modules if name not in found]:
        told, end = _try(waiting, seconds)
        for line in told.splitlines():
            name, _, text = line.partition(" ")
            if name in waiting:
                found[name] = "" if text == "ok" else text
        culprit = next((name for name in waiting if name not in found), None)
        if culprit is not None:
            found[culprit] = end
    return found


def answer_of(script: str, seconds: float = SECONDS) -> str:
    """What a script of Python prints in a process of its own; "" where it fails or takes too long."""
    try:
        return _python(["-c", script], seconds).stdout.strip()
    except subprocess.TimeoutExpired:
        return ""


def _try(modules: Sequence[str], seconds: float) -> tuple[str, str]:
    """What was told of the modules, and what ended it."""
    try:
        done = _python(["-c", _SCRIPT, *modules], seconds)
    except subprocess.TimeoutExpired as problem:
        told = problem.stdout or b""
        return told.decode(errors="replace") if isinstance(told, bytes) else told, f"not done after {seconds:.0f} s"
    number = done.returncode
    return done.stdout, f"it ends the process (signal {-number})" if number < 0 else f"it ends the process ({number})"


def _python(words: Sequence[str], seconds: float) -> "subprocess.CompletedProcess[str]":
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(  # noqa: S603  this interpreter, on scripts of this package
        [sys.executable, "-P", *words],  # without the current folder, whose files may have the names of modules
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        timeout=seconds,
        check=False,
        encoding="utf-8",
        errors="replace",
        env=quiet,
    )
