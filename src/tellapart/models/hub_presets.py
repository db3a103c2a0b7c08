"""Where a preset of KerasHub lies, and what its JSON says; nothing of KerasHub is built here.

A preset is two files of JSON and one of arrays. Only classes of `KINDS` are ever built
from it, so that one from a stranger can run nothing of its own.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from tellapart.errors import MissingExtraError, OptionError, WeightsError
from tellapart.progress import Progress
from tellapart.weights.integrity import digest
from tellapart.weights.offline import forbid_network, offline

PREFIX: Final = "hub:"
CONFIG: Final = "config.json"
CONVERTER: Final = "image_converter.json"
WEIGHTS: Final = "model.weights.h5"
FILES: Final = (CONFIG, CONVERTER, WEIGHTS)
DEFAULT_SIZE: Final = 224
ACCEPTED: Final = (
    "Accepted: a folder made by save_to_preset, a name such as dinov2_small, kaggle://OWNER/MODEL/keras/VARIATION, "
    "hf://OWNER/MODEL"
)
# What a damaged file makes Python or Keras raise; a warning is what Keras gives where it skips a layer.
FAULTS: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError, OSError, RuntimeError, UserWarning)


@dataclass(frozen=True)
class Kind:
    """How one class of KerasHub takes its size.

    Attributes:
        size_argument: Of its constructor; "" where the positions of its patches are learnt for one size.
        vision: Where its images are read, for one that reads text as well.
    """

    size_argument: str = "image_shape"
    vision: str = ""


KINDS: Final = {
    "ViTBackbone": Kind(""),
    "DINOV2Backbone": Kind(),
    "SigLIPBackbone": Kind("", "vision_encoder"),
    "SigLIPVisionEncoder": Kind(""),
    "ResNetBackbone": Kind(),
    "MobileNetBackbone": Kind(),
    "EfficientNetBackbone": Kind("input_shape"),
    "DenseNetBackbone": Kind(),
    "VGGBackbone": Kind(),
    "XceptionBackbone": Kind(),
}
_PARTS: Final = frozenset({*KINDS, "SigLIPTextEncoder"})
_DATA_TYPES: Final = ("DTypePolicy", "FloatDTypePolicy")
_MAKERS: Final = ("keras_hub>", "keras_nlp>")  # the latter is KerasHub's name of 2024


@dataclass(frozen=True)
class Preset:
    """What the JSON of a preset's folder says.

    Attributes:
        kind: The class of KerasHub, one of `KINDS`.
        config: What that class is built with.
        photo_size: In pixels, that it was trained at.
        scale: What a photo, 0 to 255, is multiplied by: one number, or one a channel.
        offset: What is added then.
    """

    kind: str
    config: dict[str, Any]
    photo_size: int
    scale: list[float]
    offset: list[float]


def find_folder(preset: str, progress: Progress) -> Path:
    """The folder of a preset: the one named, else the cache of KerasHub, else the network.

    Raises:
        MissingExtraError: KerasHub is not installed.
        WeightsError: There is no such folder or preset, or it cannot be had; the message says what would help.
    """
    if find_spec("keras_hub") is None:
        raise MissingExtraError(f"KerasHub, which {PREFIX}{preset} needs,", "hub")
    folder = Path(preset).expanduser()
    if "://" in preset or not (folder.exists() or _like_a_path(preset)):
        return _fetch(preset, progress)
    for file in FILES:
        if not (folder / file).is_file():
            raise WeightsError(f"{folder} is no preset of KerasHub: it has no {file}. {_how_to_save(file)}")
    return folder


def _like_a_path(preset: str) -> bool:
    return preset.startswith((".", "~")) or "/" in preset or "\\" in preset


def _how_to_save(file: str) -> str:
    if file == CONVERTER:
        return (
            "Next: save_to_preset of the preset's ImageConverter into the same folder; it tells how photos are scaled"
        )
    return f"Next: make it with save_to_preset, or name another: {PREFIX}PRESET. {ACCEPTED}"


def _fetch(preset: str, progress: Progress) -> Path:
    """The folder in the cache of Kaggle's or Hugging Face's own client, which fetch what is not there."""
    if offline():
        forbid_network()
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # its client then looks into its cache alone
    handle = _handle(preset)
    progress.note(f"{PREFIX}{preset}: taken from the cache of KerasHub, or fetched into it")
    try:
        paths = [Path(_fetched(handle, file)) for file in FILES]
    except MissingExtraError:
        raise
    except Exception as problem:  # whatever the clients of the hubs raise
        why = "TELLAPART_OFFLINE is 1" if offline() else in_a_line(problem)
        raise WeightsError(
            f"The preset {preset} is not here and cannot be fetched ({why}). Next: fetch it on another "
            f"machine, copy its folder here, then: --backbone {PREFIX}FOLDER"
        ) from problem
    return paths[0].parent


def _handle(preset: str) -> str:
    if "://" in preset:
        if preset.startswith(("kaggle://", "hf://")):
            return preset
        raise WeightsError(f"{preset} is no handle that Tellapart fetches from. {ACCEPTED}")
    models = import_keras_hub(preset).models
    known = {name: row for kind in KINDS for name, row in getattr(models, kind).presets.items()}
    if preset not in known:
        near = get_close_matches(preset.lower(), sorted(known), n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(PREFIX + name for name in near)}? " if near else ""
        raise WeightsError(f"There is no folder and no usable preset '{preset}'. {hint}{ACCEPTED}")
    return str(known[preset]["kaggle_handle"])


def _fetched(handle: str, file: str) -> str:
    scheme, _, place = handle.partition("://")
    if scheme == "kaggle":
        import kagglehub

        return str(kagglehub.model_download(place, path=file))
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as problem:
        raise MissingExtraError("huggingface_hub, which fetches hf://,", "hub") from problem
    return str(hf_hub_download(repo_id=place, filename=file))


def read_preset(folder: Path) -> Preset:
    """Read and check the JSON of a preset.

    Raises:
        WeightsError: It is damaged, or names a class that is not KerasHub's.
        OptionError: Its class is none of `KINDS`.
    """
    config, converter = (_read_json(folder / file) for file in (CONFIG, CONVERTER))
    kind = str(config["class_name"])
    if config.get("registered_name") not in [maker + kind for maker in _MAKERS]:
        raise _strange(config, folder / CONFIG)
    if kind not in KINDS:
        raise OptionError(f"{folder} is a {kind}, which is no backbone here. Accepted: {', '.join(KINDS)}")
    if not str(converter.get("registered_name")).startswith(_MAKERS):
        raise _strange(converter, folder / CONVERTER)  # it may scale in a way of its own
    _refuse_strange_classes(config.get("config"), folder / CONFIG)
    try:
        scale, offset = _scale_and_offset(converter["config"])
        return Preset(kind, config["config"], _photo_size(kind, config["config"], converter["config"]), scale, offset)
    except FAULTS as problem:
        raise WeightsError(f"The preset {folder} is damaged ({in_a_line(problem)}). Next: fetch it again") from problem


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise WeightsError(f"{path} cannot be read ({in_a_line(problem)}). Next: fetch the preset again") from problem
    if not isinstance(content, dict) or "class_name" not in content:
        raise WeightsError(f"{path} is no file of KerasHub's: it names no class. {_how_to_save(path.name)}")
    return content


def _refuse_strange_classes(node: Any, path: Path) -> None:
    """Refuse whatever Keras would look up by module and name, but for parts of our families and plain data types."""
    if isinstance(node, list):
        for part in node:
            _refuse_strange_classes(part, path)
    if not isinstance(node, dict):
        return
    if node.keys() & {"class_name", "registered_name", "module"}:
        module, name, registered = (node.get(key) for key in ("module", "class_name", "registered_name"))
        ours = name in _PARTS and registered == f"keras_hub>{name}" and str(module).startswith("keras_hub.")
        if not (ours or ((module, registered) == ("keras", None) and name in _DATA_TYPES)):
            raise _strange(node, path)
    for part in node.values():
        _refuse_strange_classes(part, path)


def _strange(node: dict[str, Any], path: Path) -> WeightsError:
    named = node.get("registered_name") or ".".join(str(node[key]) for key in ("module", "class_name") if node.get(key))
    return WeightsError(
        f"{path} names the class {named}, which is not loaded: a preset may name classes of KerasHub only. "
        f"Next: another preset, {PREFIX}PRESET"
    )


def _scale_and_offset(config: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Of an image converter: photos times the one, plus the other; each of one number, or of three."""
    scale, offset = config.get("scale"), config.get("offset")
    if "mean" in config and "variance" in config:  # how the first converters were saved
        deviations = [variance**0.5 for variance in config["variance"]]
        offset = [-mean / deviation for mean, deviation in zip(config["mean"], deviations, strict=True)]
        scale = [(1.0 if scale is None else scale) / deviation for deviation in deviations]
    both = [
        [float(number) for number in (row if isinstance(row, list) else [default if row is None else row])]
        for row, default in ((scale, 1.0), (offset, 0.0))
    ]
    if any(len(row) not in {1, 3} for row in both):
        raise ValueError("its converter does not scale three channels")
    return both[0], both[1]


def _photo_size(kind: str, config: dict[str, Any], converter: dict[str, Any]) -> int:
    config = config[KINDS[kind].vision]["config"] if KINDS[kind].vision else config
    own = config.get(KINDS[kind].size_argument or "image_shape") or [None, None]
    asked = converter.get("image_size") or [converter.get("height"), converter.get("width")]
    # A fixed network takes its own size alone; any other was used at that of its converter.
    sizes = (own, asked) if not KINDS[kind].size_argument else (asked, own)
    height, width = next((list(size[:2]) for size in sizes if size[0]), [DEFAULT_SIZE] * 2)
    if height != width:
        raise ValueError(f"its photos are {height} x {width} pixels, and only squares are taken here")
    return int(height)


def fingerprint(folder: Path) -> str:
    """SHA-256 over the files of a preset that are read."""
    return hashlib.sha256("".join(f"{file} {digest(folder / file)}\n" for file in FILES).encode()).hexdigest()


def import_keras_hub(preset: str) -> Any:
    """KerasHub itself, imported late: it takes seconds.

    Raises:
        MissingExtraError: It is not installed.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # its client would tell its makers how it is used
    try:
        import keras_hub
    except ImportError as problem:
        raise MissingExtraError(f"KerasHub, which {PREFIX}{preset} needs,", "hub") from problem
    return keras_hub


def in_a_line(problem: BaseException) -> str:
    """What went wrong, on one line that is not too long."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if len(text) <= 200 else f"{text[:197]}..."
