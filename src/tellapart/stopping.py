"""Ctrl-C and SIGTERM: the first ends the work at its next sign of progress, the second at once.

A KeyboardInterrupt that is raised wherever the work happens to be can fall into a destructor or a weak reference's
callback, where Python drops it; and while a library computes, Python handles no signal at all. So a thread of its own
is told of the signal, and the work asks whether there was one.
"""

import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any, Final

from tellapart.going_on import know_resumable, same_command

INTERRUPTED: Final = 130
PATIENCE: Final = 10.0  # seconds that the work has for its next sign of progress
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_asked = threading.Event()
_before: dict[int, Any] = {}
_sockets: list[socket.socket] = []
_error_output: list[int] = []


def heed_interrupts(*, resumable: bool = False) -> None:
    """Let Ctrl-C or SIGTERM end the work at its next sign of progress, or after `PATIENCE`; a second one at once.

    A signal that is ignored (as in a shell's background job) or handled already is left as it is.

    Args:
        resumable: Whether the command has `--resume`.
    """
    know_resumable(resumable)
    heeded = [number for number in _SIGNALS if signal.getsignal(number) in {signal.default_int_handler, signal.SIG_DFL}]
    if not heeded:
        return
    _hold_error_output()
    told, tells = socket.socketpair()
    for side in (told, tells):
        side.setblocking(False)
    told.settimeout(None)
    for number in heeded:
        _before[number] = signal.signal(number, _nothing)
    signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
    _sockets[:] = [told, tells]
    threading.Thread(target=_listen, args=(told,), name="signals", daemon=True).start()


def forget_interrupts() -> None:
    """Handle signals as before `heed_interrupts`."""
    for number, handler in _before.items():
        signal.signal(number, handler)
    if _sockets:
        signal.set_wakeup_fd(-1)
        _sockets[1].close()  # which ends the thread
    for output in _error_output:
        os.close(output)
    _error_output.clear()
    know_resumable(None)
    _before.clear()
    _sockets.clear()
    _asked.clear()


def raise_if_interrupted() -> None:
    """End the work where that was asked for.

    Raises:
        KeyboardInterrupt: It was.
    """
    if _asked.is_set():
        raise KeyboardInterrupt


def told_stopped() -> str:
    """One line that says how to go on."""
    return f"Stopped. What is finished is kept. Next: {same_command()}"


def _nothing(number: int, frame: FrameType | None) -> None:
    """A signal without a handler in Python would not be told to the thread."""


def _listen(told: socket.socket) -> None:
    with told:
        while _came(told):
            if _asked.is_set():
                _end_at_once()
            _asked.set()
            _say("\nStopping; Ctrl-C again to stop at once.\n")
            told.settimeout(PATIENCE)


def _came(told: socket.socket) -> bool:
    """Wait for a signal; False where nobody waits for it any more. The work's patience over counts as one."""
    try:
        while (number := told.recv(1)) and number[0] not in _SIGNALS:
            pass  # one that others handle
        return bool(number)
    except TimeoutError:
        return True
    except OSError:
        return False


def _end_at_once() -> None:
    """End the process as it is: files are whole at every moment, and threads of libraries cannot be asked to stop."""
    _say(f"tellapart: {told_stopped()}\n")
    os._exit(INTERRUPTED)


def _say(text: str) -> None:
    """Write past Python's buffers, which the interrupted thread may be using."""
    with suppress(OSError):
        os.write(_error_output[0] if _error_output else 2, text.encode())


def _hold_error_output() -> None:
    """Keep standard error at hand: while Keras is loaded it leads nowhere (`models/backend.py`)."""
    with suppress(OSError, ValueError, AttributeError):
        _error_output[:] = [os.dup(sys.__stderr__.fileno())]  # type: ignore[union-attr]
