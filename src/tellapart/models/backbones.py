"""Pretrained backbones without their dense layers: `pocket`, and every `keras.applications` network."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from tellapart.errors import OptionError, UnknownNameError
from tellapart.models import pocket


@dataclass(frozen=True)
class Backbone:
    """A row of the table of backbones.

    Attributes:
        name: As the user types it.
        module: The module of `keras.applications` that holds it and its preprocessing; or "pocket".
        function: The name of its constructor there; "" for pocket.
        image_size: In pixels, unless the user says otherwise.
        last_block: Pattern of the layer below the last convolutional block; the last
            layer whose whole name fits is the cut. "" lets `cut_layer` choose.
    """

    name: str
    module: str
    function: str
    image_size: int
    last_block: str

    def constructor(self) -> Callable[..., Any]:
        """The constructor of this network; it takes what those of `keras.applications` take."""
        if self.module == "pocket":
            return pocket.build
        from tellapart.models.backend import keras

        return getattr(keras.applications, self.function)  # type: ignore[no-any-return]

    def preprocess(self, photos: Any) -> Any:
        """The scaling that the network was trained with, on RGB from 0 to 255.

        Keras' own function of these modules keeps its means as a tensor of the graph,
        which the export would turn into a second input; a layer computes the same.
        """
        if self.module == "pocket":
            return pocket.preprocess(photos)
        from tellapart.models.backend import keras

        if self.module in _CAFFE:
            return keras.layers.Rescaling(1.0, offset=[-mean for mean in CAFFE_MEANS])(photos[..., ::-1])
        if self.module == "densenet":
            scale = [1 / (255 * deviation) for deviation in _IMAGENET_DEVIATIONS]
            offset = [-mean / deviation for mean, deviation in zip(_IMAGENET_MEANS, _IMAGENET_DEVIATIONS, strict=True)]
            return keras.layers.Rescaling(scale, offset=offset)(photos)
        return import_module(f"keras.applications.{self.module}").preprocess_input(photos)

    @property
    def label(self) -> str:
        """Its name, fit for the name of a file."""
        return self.name

    @property
    def scaling(self) -> str:
        """What `preprocess` does, in words."""
        return _SCALINGS.get(self.module, "-1 to 1")


_CAFFE: Final = ("vgg16", "vgg19", "resnet")
CAFFE_MEANS: Final = (103.939, 116.779, 123.68)  # blue, green, red
_IMAGENET_MEANS: Final = (0.485, 0.456, 0.406)  # red, green, blue, of photos from 0 to 1
_IMAGENET_DEVIATIONS: Final = (0.229, 0.224, 0.225)
_SCALINGS: Final = {
    "vgg16": "BGR minus 103.939, 116.779, 123.68",
    "vgg19": "BGR minus 103.939, 116.779, 123.68",
    "resnet": "BGR minus 103.939, 116.779, 123.68",
    "densenet": "0 to 1 minus the mean of ImageNet, divided by its deviation",
    "efficientnet": "inside the network",
    "efficientnet_v2": "inside the network",
    "convnext": "inside the network",
    "mobilenet_v3": "inside the network",
}

# Sizes are those that the networks were trained at, but for MobileNetV2: a linear head on its
# features scores 0.5 to 1.3 points higher at 288 than at its own 224 (docs/LOG.md).
# module, pattern of the layer below the last block, {name: (constructor, image size)}
_FAMILIES: Final[tuple[tuple[str, str, dict[str, tuple[str, int]]], ...]] = (
    ("pocket", pocket.BELOW_LAST_BLOCK, {"pocket": ("", pocket.SIZE)}),
    ("vgg16", "block4_pool", {"vgg16": ("VGG16", 224)}),
    ("vgg19", "block4_pool", {"vgg19": ("VGG19", 224)}),
    ("mobilenet", "conv_pw_11_relu", {"mobilenet": ("MobileNet", 224)}),
    ("mobilenet_v2", "block_12_add", {"mobilenet_v2": ("MobileNetV2", 288)}),
    (
        "mobilenet_v3",
        "",
        {"mobilenet_v3_small": ("MobileNetV3Small", 224), "mobilenet_v3_large": ("MobileNetV3Large", 224)},
    ),
    (
        "resnet",
        r"conv4_block\d+_out",
        {f"resnet{n}": (f"ResNet{n}", 224) for n in (50, 101, 152)},
    ),
    (
        "resnet_v2",
        r"conv4_block\d+_out",
        {f"resnet{n}_v2": (f"ResNet{n}V2", 224) for n in (50, 101, 152)},
    ),
    (
        "densenet",
        "pool4_pool",
        {f"densenet{n}": (f"DenseNet{n}", 224) for n in (121, 169, 201)},
    ),
    (
        "efficientnet",
        r"block6\w_add",
        {
            f"efficientnet_b{n}": (f"EfficientNetB{n}", size)
            for n, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
        },
    ),
    (
        "efficientnet_v2",
        r"block5\w_add",
        {f"efficientnet_v2_b{n}": (f"EfficientNetV2B{n}", size) for n, size in enumerate((224, 240, 260, 300))}
        | {
            "efficientnet_v2_s": ("EfficientNetV2S", 384),
            "efficientnet_v2_m": ("EfficientNetV2M", 480),
            "efficientnet_v2_l": ("EfficientNetV2L", 480),
        },
    ),
    (
        "convnext",
        "",
        {f"convnext_{size.lower()}": (f"ConvNeXt{size}", 224) for size in ("Tiny", "Small", "Base", "Large", "XLarge")},
    ),
    ("inception_v3", "mixed7", {"inception_v3": ("InceptionV3", 299)}),
    ("inception_resnet_v2", "mixed_7a", {"inception_resnet_v2": ("InceptionResNetV2", 299)}),
    ("xception", "", {"xception": ("Xception", 299)}),
    ("nasnet", "", {"nasnet_mobile": ("NASNetMobile", 224), "nasnet_large": ("NASNetLarge", 331)}),
)

BACKBONES: Final = {
    name: Backbone(name, module, function, image_size, last_block)
    for module, last_block, members in _FAMILIES
    for name, (function, image_size) in members.items()
}


def find_backbone(name: str) -> Backbone:
    """Look a backbone up.

    Raises:
        UnknownNameError: With the nearest names.
        OptionError: `hub:` without a preset.
    """
    if name.startswith("hub:"):
        from tellapart.models.hub import HubBackbone

        return HubBackbone(name)
    if name not in BACKBONES:
        raise UnknownNameError("backbone", name, BACKBONES)
    return BACKBONES[name]


def build_backbone(backbone: Backbone, size: int) -> Any:
    """Build the network without its dense layers, with random weights.

    Returns:
        A Keras model from preprocessed photos (n, size, size, 3) to the last
        activation maps (n, rows, columns, channels).

    Raises:
        OptionError: The network does not work at that size.
    """
    try:
        return backbone.constructor()(include_top=False, weights=None, input_shape=(size, size, 3))
    except ValueError as problem:
        raise OptionError(
            f"{backbone.name} does not take photos of {size} pixels ({problem}). "
            f"Next: --image-size {backbone.image_size}"
        ) from problem
