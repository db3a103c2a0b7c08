"""Presets of KerasHub as backbones, `hub:PRESET`: from a folder or by name to a network from photos to maps."""

import hashlib
import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.errors import OptionError, WeightsError
from tellapart.models.backbones import Backbone
from tellapart.models.hub_presets import (
    ACCEPTED,
    CONFIG,
    FAULTS,
    KINDS,
    PREFIX,
    WEIGHTS,
    Preset,
    find_folder,
    fingerprint,
    import_keras_hub,
    in_a_line,
    read_preset,
)
from tellapart.progress import Progress, Silent

__all__ = ["HubBackbone", "fingerprint", "load", "preset_folder"]

ONNX_BYTES: Final = 1_900_000_000  # a message of protobuf holds 2 GiB, the graph among them
MARK: Final = "below_last_block"  # the layer at which a network of tokens is cut


@dataclass(frozen=True)
class Parts:
    """The layers of a transformer, in order.

    Attributes:
        before: Those before its blocks.
        blocks: Its blocks.
        behind: Those behind.
        others: Tokens that are no patches, of the class and the registers; they come first.
    """

    before: list[Any]
    blocks: list[Any]
    behind: list[Any]
    others: int


class HubBackbone(Backbone):
    """A preset of KerasHub; its size and scaling are read from its folder when they are first asked for."""

    def __init__(self, name: str) -> None:
        preset = name.removeprefix(PREFIX)
        if not preset:
            raise OptionError(f"'{name}' names no preset. {ACCEPTED}, each behind {PREFIX}")
        for field, value in {"name": name, "module": "hub", "function": "", "last_block": MARK}.items():
            object.__setattr__(self, field, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HubBackbone) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"HubBackbone({self.name!r})"

    @property
    def preset(self) -> str:
        """The folder, name or handle."""
        return self.name.removeprefix(PREFIX)

    @property
    def label(self) -> str:
        """Its name, fit for the name of a file: of a folder or handle the last part, and six digits for the rest."""
        last = re.sub(r"[^A-Za-z0-9_.]+", "_", re.split(r"[/\\]", self.preset.rstrip("/\\"))[-1])
        rest = "" if last == self.preset else f"-{hashlib.sha256(self.preset.encode()).hexdigest()[:6]}"
        return f"hub-{last}{rest}"

    @property
    def read(self) -> Preset:
        """What its folder says; fetched where it is not here."""
        if "_read" not in self.__dict__:
            object.__setattr__(self, "_read", read_preset(preset_folder(self, Silent())))
        return self.__dict__["_read"]  # type: ignore[no-any-return]

    @property
    def image_size(self) -> int:
        """In pixels, unless the user says otherwise."""
        return self.read.photo_size

    def constructor(self) -> Callable[..., Any]:
        """A constructor that takes what those of `keras.applications` take; the weights are random."""
        return lambda *, include_top, weights, input_shape: _build(self, self.read, input_shape[0])[1]  # noqa: ARG005

    def preprocess(self, photos: Any) -> Any:
        """The preset's own scaling, on RGB from 0 to 255; cropping and resizing are ours."""
        from tellapart.models.backend import keras

        return keras.layers.Rescaling(self.read.scale, offset=self.read.offset)(photos)

    @property
    def scaling(self) -> str:
        """What `preprocess` does, in words."""
        scale, offset = (", ".join(f"{number:.6g}" for number in row) for row in (self.read.scale, self.read.offset))
        return f"times {scale}, plus {offset} (red, green, blue)"


def preset_folder(backbone: HubBackbone, progress: Progress) -> Path:
    """The folder of a preset: the one named, else the cache of KerasHub, else the network.

    Raises:
        MissingExtraError: KerasHub is not installed.
        WeightsError: There is no such folder or preset, or it cannot be had; the message says what would help.
    """
    return find_folder(backbone.preset, progress)


def load(backbone: HubBackbone, size: int, folder: Path) -> Any:
    """Build the network of a preset and load its weights.

    Args:
        backbone: The preset.
        size: Of its photos, in pixels.
        folder: As `preset_folder` gives it.

    Returns:
        A Keras model from preprocessed photos (n, size, size, 3) to the last
        activation maps (n, rows, columns, channels); the patches of a transformer
        lie in their grid, without the tokens before them.

    Raises:
        OptionError: The network does not work at that size, or cannot be exported.
        WeightsError: The preset is damaged, or its weights are of another network.
    """
    from tellapart.models.backend import keras

    if keras.backend.backend() == "jax":
        raise OptionError(f"{backbone.name} cannot be exported from JAX. Next: KERAS_BACKEND=tensorflow")
    inner, network = _build(backbone, read_preset(folder), size)
    _refuse_unexportable(backbone, network)
    if keras.backend.backend() == "tensorflow":
        _teach_erfc()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras warns, and goes on, where layers keep random values
            inner.load_weights(str(folder / WEIGHTS))
    except FAULTS as problem:
        raise WeightsError(
            f"{folder / WEIGHTS} does not hold the weights of {backbone.name} ({in_a_line(problem)}). "
            "Next: fetch the preset again"
        ) from problem
    return network


def _build(backbone: HubBackbone, preset: Preset, size: int) -> tuple[Any, Any]:
    """KerasHub's own network, which its weights file fits, and ours, which shares its layers."""
    from tellapart.models.backend import keras

    kind, models = KINDS[preset.kind], import_keras_hub(backbone.preset).models
    _check_size(backbone, preset, size)
    config: dict[str, Any] = {**json.loads(json.dumps(preset.config)), "dtype": "float32"}
    if kind.size_argument:
        config[kind.size_argument] = [size, size, 3]
    try:
        for part in ("vision_encoder", "text_encoder") if kind.vision else ():
            config[part]["config"]["dtype"] = "float32"
        whole = getattr(models, preset.kind).from_config(config)
        inner = getattr(whole, kind.vision) if kind.vision else whole
        parts = _TOKENS.get(preset.kind)
        network = _maps_of_tokens(inner, parts(inner), size) if parts else keras.Model(inner.inputs[0], inner.output)
    except FAULTS as problem:
        if size != preset.photo_size:
            raise _wrong_size(backbone, preset, size, in_a_line(problem)) from problem
        raise WeightsError(
            f"The {CONFIG} of {backbone.name} cannot be built ({in_a_line(problem)}). Next: fetch the preset again"
        ) from problem
    if not all(network.output_shape[1:]):
        raise _wrong_size(backbone, preset, size, f"its maps would be {network.output_shape[1:]}")
    return whole, network


def _check_size(backbone: HubBackbone, preset: Preset, size: int) -> None:
    if not KINDS[preset.kind].size_argument and size != preset.photo_size:
        raise _wrong_size(backbone, preset, size, f"only of {preset.photo_size}")
    patch = preset.config.get("patch_size") if preset.kind in _TOKENS else None
    if isinstance(patch, int) and size % patch:
        raise _wrong_size(backbone, preset, size, f"only of multiples of {patch}")


def _wrong_size(backbone: HubBackbone, preset: Preset, size: int, why: str) -> OptionError:
    return OptionError(
        f"{backbone.name} does not take photos of {size} pixels ({why}). Next: --image-size {preset.photo_size}"
    )


def _maps_of_tokens(inner: Any, parts: Parts, size: int) -> Any:
    """The network anew from its layers, so that it can be cut between its blocks; the patches back in their grid."""
    from tellapart.models.backend import keras

    patch = inner.patch_size
    rows, columns = (size // side for side in (patch if isinstance(patch, list | tuple) else (patch, patch)))
    photo = tokens = keras.Input((size, size, 3))
    for layer in parts.before:
        tokens = layer(tokens)
    # KerasHub 0.32 foretells one token more of SigLIP than there are.
    tokens = keras.ops.reshape(tokens, (-1, parts.others + rows * columns, tokens.shape[-1]))
    lowest = _lowest_block(parts)
    for block in parts.blocks[:lowest]:
        tokens = block(tokens)
    tokens = keras.layers.Activation("linear", name=MARK)(tokens)
    for layer in (*parts.blocks[lowest:], *parts.behind):
        tokens = layer(tokens)
    patches = keras.layers.Cropping1D((parts.others, 0))(tokens)
    return keras.Model(photo, keras.layers.Reshape((rows, columns, patches.shape[-1]))(patches))


def _lowest_block(parts: Parts) -> int:
    """The block from which on at least a tenth of the weights lie, as `cut_layer` has it."""
    needed = sum(layer.count_params() for layer in (*parts.before, *parts.blocks, *parts.behind)) / 10
    above = sum(layer.count_params() for layer in parts.behind)
    for place in range(len(parts.blocks) - 1, -1, -1):
        above += parts.blocks[place].count_params()
        if above >= needed:
            return place
    return 0


def _refuse_unexportable(backbone: HubBackbone, network: Any) -> None:
    from tellapart.models.backend import keras

    numbers = int(network.count_params())
    if 4 * numbers > ONNX_BYTES:
        raise OptionError(
            f"{backbone.name} has {numbers:,} numbers, and a model file holds {ONNX_BYTES // 4:,} at most. "
            f"Next: a smaller preset, {PREFIX}PRESET"
        )
    # In TensorFlow each of these becomes a call of XLA, at which tf2onnx stops.
    grouped = any(getattr(layer, "groups", 1) > 1 for layer in network._flatten_layers())
    if grouped and keras.backend.backend() != "torch":
        raise OptionError(
            f"{backbone.name} cannot be exported by TensorFlow, as it has grouped convolutions. "
            "Next: KERAS_BACKEND=torch, or another --backbone"
        )


@cache
def _teach_erfc() -> None:
    """Teach tf2onnx 1.17 the one operation that it lacks: TensorFlow's exact GELU is made of Erfc, 1 - Erf."""
    from tf2onnx.handler import tf_op
    from tf2onnx.utils import make_name

    @tf_op("Erfc")
    class _Erfc:
        @classmethod
        def version_9(cls, graph: Any, node: Any, **_: Any) -> None:
            one = graph.make_const(make_name("one"), np.ones((), np.float32))
            erf = graph.make_node("Erf", node.input)
            node.type = "Sub"
            graph.replace_inputs(node, [one.output[0], erf.output[0]])


def _vit(inner: Any) -> Parts:
    first, encoder = inner.get_layer("vit_patching_and_embedding"), inner.get_layer("vit_encoder")
    # It keeps them as a tensor, which the export would turn into a second input.
    first.position_ids = np.arange(first.num_positions, dtype=np.int32)[None]
    others = int(inner.use_class_token)
    return Parts([first, encoder.dropout], encoder.encoder_layers, [encoder.layer_norm], others)


def _dinov2(inner: Any) -> Parts:
    return Parts([inner.embeddings], inner.encoder.layers, [inner.layernorm], 1 + inner.num_register_tokens)


def _siglip(inner: Any) -> Parts:
    # Its head only pools the tokens, which we do ourselves.
    return Parts([inner.embedding], inner.encoder_layers, [inner.post_layer_norm], 0)


_TOKENS: Final[dict[str, Callable[[Any], Parts]]] = {
    "ViTBackbone": _vit,
    "DINOV2Backbone": _dinov2,
    "SigLIPBackbone": _siglip,
    "SigLIPVisionEncoder": _siglip,
}
