"""bfloat16 while a network learns, where the processor or the GPU multiplies in it.

Numbers of 16 bits with the range of 32: convolutions multiply in them and add up in 32 bits.
The weights stay in 32 bits, and so does everything but the steps of training: validation,
predictions and what is exported. What it buys and what it does to accuracy: docs/LOG.md.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from tellapart.machine import processor_flags
from tellapart.models.backend import keras, uses_accelerator

_MULTIPLIES_IN_IT: Final = {"avx512_bf16", "amx_bf16"}


@contextmanager
def bfloat16_steps(network: Any) -> Iterator[list[Any]]:
    """Let a network with convolutions learn in bfloat16 while the block runs, where that is faster.

    Yields:
        Callbacks for `fit`, which go back to 32 bits for each validation.
    """
    turn = _switch() if _has_convolutions(network) else None
    if turn is None:
        yield []
        return
    turn(True)
    try:
        yield [keras.callbacks.LambdaCallback(on_test_begin=lambda _: turn(False), on_test_end=lambda _: turn(True))]
    finally:
        turn(False)


def _has_convolutions(network: Any) -> bool:
    """Whether convolutions over more than one pixel learn; of others it is no faster."""
    return any(
        isinstance(layer, keras.layers.Conv2D) and layer.trainable and max(layer.kernel_size) > 1
        for layer in network._flatten_layers(include_self=False)
    )


def _switch() -> Callable[[bool], None] | None:
    """What turns it on and off; None where nothing multiplies in it."""
    backend = keras.backend.backend()
    if backend == "torch":
        return _on_cuda()
    return _on_processor() if backend == "tensorflow" else None


def _on_processor() -> Callable[[bool], None] | None:
    """By TensorFlow's own rewriting of the graph, which is decided anew at each call."""
    import tensorflow as tf

    if uses_accelerator() or not _MULTIPLIES_IN_IT & processor_flags():
        return None

    def turn(on: bool) -> None:
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": on})

    return turn


def _on_cuda() -> Callable[[bool], None] | None:
    import torch  # type: ignore[import-not-found,unused-ignore]

    if not torch.cuda.is_available() or not torch.cuda.is_bf16_supported():
        return None
    entered: list[Any] = []

    def turn(on: bool) -> None:
        if on and not entered:
            entered.append(torch.autocast("cuda", dtype=torch.bfloat16))
            entered[0].__enter__()
        elif entered and not on:
            entered.pop().__exit__(None, None, None)

    return turn
