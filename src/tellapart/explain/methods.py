"""The table of methods: each one function from (network, photo, class number) to a heat map."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tellapart.errors import UnknownNameError
from tellapart.explain.gradcam import gradcam, gradcam_plus_plus, hirescam
from tellapart.explain.integrated import integrated_gradients
from tellapart.explain.occlusion import occlusion

if TYPE_CHECKING:
    from tellapart.explain.network import Network

ALL: Final = "all"
DEFAULT: Final = "hirescam"  # the one that holds for pooled and for flattened maps (docs/explain.md)


@dataclass(frozen=True)
class Method:
    """One way to ask a network what it looks at.

    Attributes:
        name: As the command line takes it.
        title: As figures call it.
        run: From a network, a photo (size, size, 3), 0 to 255, and a class number to a heat map (size, size),
            float32, in units of the score.
        says: What the map shows, in one sentence.
        signed: Whether its map is negative where the photo speaks against the class. Pictures show the positive
            part alone, and tell how much of the whole was negative.
        sums: Whether the map sums to the change of the score from an even photo to this one.
    """

    name: str
    title: str
    run: "Callable[[Network, np.ndarray, int], np.ndarray]"
    says: str
    signed: bool = False
    sums: bool = False


METHODS: Final = {
    method.name: method
    for method in (
        Method(
            "gradcam",
            "Grad-CAM",
            gradcam,
            "Cells of the last activation maps, each channel weighed by how much the class gains from it on average.",
        ),
        Method(
            "gradcam++",
            "Grad-CAM++",
            gradcam_plus_plus,
            "The same, with the weight on the places where the class gains most.",
        ),
        Method(
            "hirescam",
            "HiResCAM",
            hirescam,
            "Cells of the last activation maps, each by what it adds to the class itself.",
        ),
        Method(
            "occlusion",
            "Occlusion",
            occlusion,
            "What the class loses where a patch of the photo is blurred away.",
            signed=True,
        ),
        Method(
            "integrated-gradients",
            "Integrated gradients",
            integrated_gradients,
            "What each pixel adds to the class, on the way from an even photo of the same mean colour to this one.",
            signed=True,
            sums=True,
        ),
    )
}


def methods_named(name: str) -> tuple[Method, ...]:
    """The method of a name, or all of them.

    Raises:
        UnknownNameError: There is none of that name.
    """
    if name == ALL:
        return tuple(METHODS.values())
    if name not in METHODS:
        raise UnknownNameError("method", name, [*METHODS, ALL])
    return (METHODS[name],)
