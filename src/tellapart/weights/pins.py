"""The files of pretrained weights that are offered, each with its address, size and digest: `pins.json`.

Names, addresses and digests are those that `keras.applications` pins (a test
compares them); `evidence` in the JSON says where the rest was read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from types import MappingProxyType

from tellapart.errors import UnknownNameError


@dataclass(frozen=True)
class Pin:
    """One file of weights, of a backbone without its dense layers.

    Attributes:
        backbone: Its name, as the user types it.
        file: The file's name in the store, and in Keras' cache.
        address: Where it is fetched; "" for the one that is part of the package.
        size: In bytes; None where nobody has published it.
        sha256: In hexadecimal digits; None where nobody has published it.
        md5: Likewise; what Keras pins for most.
        parameters: How many numbers the network has.
        image_size: In pixels, that the weights were trained at.
        licence: Of the weights; an SPDX name where there is one.
        source: Who made them.
        top1: Published ImageNet accuracy of the whole network, 0 to 1; None where there is none.
        top5: Likewise, the right class among the first five.
    """

    backbone: str
    file: str
    address: str
    size: int | None
    sha256: str | None
    md5: str | None
    parameters: int
    image_size: int
    licence: str
    source: str
    top1: float | None
    top5: float | None

    @property
    def built_in(self) -> bool:
        """Whether it lies in the package itself."""
        return not self.address

    @property
    def pinned_digest(self) -> str:
        """The kind and value of the digest that is pinned, "" where there is none."""
        return f"SHA-256 {self.sha256}" if self.sha256 else f"MD5 {self.md5}" if self.md5 else ""

    @property
    def most_bytes(self) -> int:
        """The largest size that is believed: the pinned one, else 8 bytes a number and some room for names."""
        return self.size if self.size is not None else 8 * self.parameters + (16 << 20)


@cache
def pins() -> Mapping[str, Pin]:
    """Every file that is offered, by the name of its backbone, in the order of the table."""
    rows = json.loads(Path(__file__).with_name("pins.json").read_text(encoding="utf-8"))
    wanted = [field.name for field in fields(Pin)]
    made = [Pin(**{key: row[key] for key in wanted}) for row in rows]
    return MappingProxyType({pin.backbone: pin for pin in made})


def find_pin(name: str) -> Pin:
    """Look the file of a backbone up.

    Raises:
        UnknownNameError: With the nearest names.
    """
    if name not in pins():
        raise UnknownNameError("backbone", name, pins())
    return pins()[name]
