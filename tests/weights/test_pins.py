import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from unsteady_server import pin_to

from tellapart.errors import UnknownNameError
from tellapart.weights.pins import Pin, find_pin, pins

HASH = {"sha256": 64, "md5": 32}


class _AskedError(Exception):
    """Ends Keras' constructor at the point where it would fetch its file."""


@contextmanager
def asking() -> Iterator[list[tuple[str, str, str]]]:
    """Catch the one `get_file` call of a `keras.applications` constructor: name, address, digest.

    Keras has no public table of these files; source: keras/src/applications/*.py, which
    all call `file_utils.get_file(name, address, cache_subdir=..., file_hash=...)`.
    """
    from keras.src.utils import file_utils

    asked: list[tuple[str, str, str]] = []
    genuine = file_utils.get_file

    def note(fname: str, origin: str, **how: Any) -> None:
        asked.append((fname, origin, str(how.get("file_hash") or how.get("md5_hash") or "")))
        raise _AskedError

    file_utils.get_file = note
    try:
        yield asked
    except _AskedError:
        pass
    finally:
        file_utils.get_file = genuine


def pinned_by_keras(name: str) -> tuple[str, str, str]:
    from tellapart.models.backbones import find_backbone

    with asking() as asked, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "input_shape is undefined": MobileNet's weights of 224 pixels are meant
        find_backbone(name).constructor()(include_top=False, weights="imagenet")
    return asked[0]


def agrees(pin: Pin, by_keras: tuple[str, str, str]) -> bool:
    name, address, digest = by_keras
    pinned = {32: pin.md5, 64: pin.sha256}.get(len(digest), "")
    return (pin.file, pin.address, pinned) == (name, address, digest)


@pytest.mark.parametrize("name", ["vgg16", "mobilenet", "mobilenet_v2"])
def test_keras_pins_the_same(name: str) -> None:
    assert agrees(find_pin(name), pinned_by_keras(name))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["mobilenet_v3_small", "resnet50", "resnet50_v2", "efficientnet_b0", "efficientnet_v2_b0", "convnext_tiny"]
)
def test_keras_pins_the_same_for_more_families(name: str) -> None:
    assert agrees(find_pin(name), pinned_by_keras(name))


def test_keras_source_holds_every_digest() -> None:
    """Asking Keras for each of the forty would build each network: more than a minute."""
    from keras.src import applications

    folder = Path(applications.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    without = []
    for pin in pins().values():
        digest = pin.sha256 if pin.backbone.startswith("convnext") else pin.md5
        if not digest:
            without.append(pin.backbone)
            continue
        assert digest in source, pin.backbone
    assert without == ["pocket", "mobilenet", "mobilenet_v2"]


def test_a_digest_that_is_not_keras_own_is_noticed() -> None:
    pin, (name, address, digest) = find_pin("vgg16"), pinned_by_keras("vgg16")
    assert not agrees(pin, (name, address, digest[::-1]))
    assert not agrees(pin, (name, f"{address}x", digest))


def test_every_backbone_has_a_pin() -> None:
    from tellapart.models.backbones import BACKBONES

    assert set(pins()) == set(BACKBONES)


@pytest.mark.slow
def test_parameters_are_those_of_the_networks() -> None:
    from tellapart.models.backbones import build_backbone, find_backbone

    for name in ("pocket", "vgg16", "mobilenet", "mobilenet_v2", "efficientnet_b0", "densenet121"):
        assert build_backbone(find_backbone(name), 64).count_params() == find_pin(name).parameters, name


@pytest.mark.parametrize("pin", pins().values(), ids=pins())
def test_every_row_is_plausible(pin: Pin) -> None:
    for kind, digits in HASH.items():
        value = getattr(pin, kind)
        assert value is None or re.fullmatch(f"[0-9a-f]{{{digits}}}", value), kind
    assert pin.parameters > 100_000
    assert 32 <= pin.image_size <= 600
    assert pin.licence
    assert pin.source
    assert all(score is None or 0.5 < score < 1 for score in (pin.top1, pin.top5))
    if pin.built_in:
        return
    assert pin.address.startswith("https://")
    assert pin.file.endswith(".h5")
    assert pin.size is None or 4 * pin.parameters <= pin.size < 4 * pin.parameters * 1.4


def test_no_two_have_the_same_file_digest_or_number_of_parameters() -> None:
    for what in ("file", "address", "sha256", "md5", "parameters"):
        values = [value for pin in pins().values() if (value := getattr(pin, what)) is not None]
        assert len(values) == len(set(values)), what


def test_the_built_in_one_comes_first_and_needs_no_address() -> None:
    first = next(iter(pins().values()))
    assert (first.backbone, first.built_in, first.file) == ("pocket", True, "pocket.safetensors")
    assert [pin.backbone for pin in pins().values() if pin.built_in] == ["pocket"]


def test_an_unknown_name_gives_the_nearest_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"No backbone is called 'vgg61'\. Did you mean vgg19 or vgg16\?"):
        find_pin("vgg61")


def test_a_pin_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        find_pin("vgg16").md5 = "0" * 32  # type: ignore[misc]
    with pytest.raises(TypeError):
        pins()["vgg16"] = find_pin("vgg19")  # type: ignore[index]


def test_the_largest_size_that_is_believed() -> None:
    assert pin_to("http://host/x", size=10).most_bytes == 10
    assert pin_to("http://host/x", size=None, parameters=1000).most_bytes == 8000 + (16 << 20)


def test_the_digest_in_words() -> None:
    assert pin_to("http://host/x", sha256=None, md5=None).pinned_digest == ""
    assert pin_to("http://host/x", sha256=None, md5="ab").pinned_digest == "MD5 ab"
    assert pin_to("http://host/x", sha256="cd", md5="ab").pinned_digest == "SHA-256 cd"
