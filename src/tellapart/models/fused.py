"""Batch norms that learn, by TensorFlow's own fused operation.

Keras writes a batch norm as a dozen operations on whole activation maps. TensorFlow
has one for the forward and one for the backward pass, which give the same numbers:
the deeper CNN then learns in two thirds of the time (docs/LOG.md).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tellapart.models.backend import keras


@contextmanager
def fused_batch_norms(network: Any) -> Iterator[int]:
    """Let the batch norms of a network that learn use the fused operation while the block runs.

    The layers stay what they are, and what is saved or exported of them too. On other
    backends, in half precision, and for frozen layers nothing changes.

    Yields:
        How many layers use it.
    """
    layers = [layer for layer in network._flatten_layers(include_self=False) if _can_be_fused(layer)]
    try:
        for layer in layers:
            layer.call = _fused(layer, layer.call)
        yield len(layers)
    finally:
        for layer in layers:
            del layer.call  # the one of its class is behind it


def _can_be_fused(layer: Any) -> bool:
    return (
        keras.backend.backend() == "tensorflow"
        and type(layer) is keras.layers.BatchNormalization
        and layer.trainable
        and layer.scale
        and layer.center
        and not layer.synchronized
        and layer.compute_dtype == "float32"
        and len(layer.input.shape) == 4
        and layer.axis in (-1, 3)
    )


def _fused(layer: Any, genuine: Callable[..., Any]) -> Callable[..., Any]:
    import tensorflow as tf

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training or mask is not None:
            return genuine(inputs, training=training, mask=mask)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(layer.gamma),
            offset=tf.convert_to_tensor(layer.beta),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=layer.epsilon,
            is_training=True,
        )
        # It gives the variance that one expects of all photos, and Keras keeps that of the batch.
        places = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], tf.float32)
        for kept, found in ((layer.moving_mean, mean), (layer.moving_variance, variance * (places - 1) / places)):
            kept.assign(kept * layer.momentum + found * (1 - layer.momentum))
        return outputs

    return call
