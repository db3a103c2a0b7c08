"""Whether an error says that memory was too little, and batches that are halved until they fit.

The classes of libraries are known by their names, so that none of them is loaded for it.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any, Final, TypeVar

from tellapart.errors import MemoryShortError, UserError
from tellapart.going_on import same_command
from tellapart.memory import available_bytes
from tellapart.storage import megabytes

_NAMES: Final = frozenset({"MemoryError", "ResourceExhaustedError", "OutOfMemoryError"})  # Python, TensorFlow, PyTorch
# Of those that have no class for it: ONNX Runtime, OpenVINO, PyTorch on a processor, JAX.
_WORDS: Final = (
    "bad_alloc",
    "bad allocation",
    "Failed to allocate memory",
    "DefaultCPUAllocator",
    "OOM when allocating",
    "RESOURCE_EXHAUSTED",
    "out of memory",
    "not enough memory",
)
Found = TypeVar("Found")


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an error of Python, or of a library that computes, says that memory was too little."""
    if isinstance(problem, UserError) or "No space left" in str(problem):  # TensorFlow has one class for both
        return isinstance(problem, MemoryShortError)
    names = {kind.__name__ for kind in type(problem).__mro__}
    return bool(names & _NAMES) or any(words in str(problem) for words in _WORDS)


def memory_short(what: str) -> MemoryShortError:
    """The error for something that does not fit into memory, however little is computed at once."""
    free = available_bytes()
    room = "" if free is None else f", and {megabytes(free)} are available"
    return MemoryShortError(
        f"There is not enough memory for {what}{room}. Next: end other programs, or a smaller --image-size or "
        f"--backbone, or fewer --recipes; then {same_command()}."
    )


class Halvings:
    """Batches that did not fit into memory and were halved, so that it can be told."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._least: dict[int, int] = {}

    def note(self, asked: int, now: int) -> None:
        """Remember that a batch was cut."""
        with self._lock:
            self._least[asked] = min(now, self._least.get(asked, now))

    def told(self) -> str:
        """One sentence, or '' where nothing was halved since the last time."""
        with self._lock:
            least, self._least = self._least, {}
        if not least:
            return ""
        fitted = min(least.values())
        return f"A batch of {max(least)} photos did not fit into memory; it was computed in batches of {fitted}."


HALVINGS: Final = Halvings()


def in_halves(run: Callable[[Any], Found], batch: Any, join: Callable[[Found, Found], Found]) -> Found:
    """Run a batch; one that does not fit into memory is cut in two, and so on down to one photo.

    Only for what goes forward, where photos do not depend on each other.

    Args:
        run: Takes a batch.
        batch: Photos along the first axis.
        join: Puts the answers to two halves together.

    Raises:
        MemoryShortError: One photo does not fit.
    """
    size = len(batch)
    try:
        return run(batch)
    except Exception as problem:
        if isinstance(problem, UserError) or not is_out_of_memory(problem):
            raise
        if size < 2:
            raise memory_short("a single photo") from problem
    # Outside of the handler: the error holds the memory of what failed.
    half = size // 2
    HALVINGS.note(size, half)
    parts = (batch[:half], batch[half:])
    return join(*(in_halves(run, part, join) for part in parts))
