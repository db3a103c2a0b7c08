"""Which classes of a labelled folder are those of a model, and which are not."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Final

from tellapart.photos.scan import Photo

_NEAR: Final = 0.7


@dataclass(frozen=True)
class Unmatched:
    """A class of the folder that the model does not know: its photos, and the names of the model that are near."""

    name: str
    photos: int
    near: tuple[str, ...]


@dataclass(frozen=True)
class Matched:
    """A labelled folder held against the classes of a model.

    Attributes:
        photos: Of classes that the model knows, labelled by its names.
        others: Of classes that it does not know.
        unmatched: These classes.
        missing: Classes of the model that the folder has no photo of.
    """

    photos: tuple[Photo, ...]
    others: tuple[Photo, ...]
    unmatched: tuple[Unmatched, ...]
    missing: tuple[str, ...]


def match_classes(photos: Sequence[Photo], classes: Sequence[str]) -> Matched:
    """Match the labels of photos with the classes of a model.

    A name matches where it is the same text; how its accents are encoded does not
    matter, because folders that went through a Mac have them otherwise. Nothing
    else is taken for the same: a near name is told, and the user decides.

    Args:
        photos: Labelled.
        classes: Of the model.
    """
    by_text = {unicodedata.normalize("NFC", name): name for name in classes}
    names = {label: by_text.get(unicodedata.normalize("NFC", label)) for label in {photo.label for photo in photos}}
    known = tuple(
        photo if photo.label == name else replace(photo, label=name)
        for photo in photos
        if (name := names[photo.label]) is not None
    )
    others = tuple(photo for photo in photos if names[photo.label] is None)
    there = {photo.label for photo in known}
    counts = Counter(photo.label for photo in others)
    free = [name for name in classes if name not in there]
    return Matched(
        known,
        others,
        tuple(Unmatched(label, n, near_names(label, classes, free)) for label, n in sorted(counts.items())),
        tuple(free),
    )


def near_names(label: str, classes: Sequence[str], first: Collection[str] = ()) -> tuple[str, ...]:
    """The classes that a label may mean: alike but for case, spaces, signs or a plural, else spelt nearly so.

    Args:
        label: Of the folder.
        classes: Of the model.
        first: Classes that the folder lacks; they are named before the others.
    """
    plain = _plain(label)
    if not plain:
        return ()
    alike = [name for name in classes if _plain(name) == plain]
    if not alike:
        texts = {_plain(name): name for name in classes}
        alike = [texts[text] for text in get_close_matches(plain, texts, n=3, cutoff=_NEAR)]
    return tuple(sorted(alike, key=lambda name: name not in first))


def _plain(name: str) -> str:
    """A name without case, spaces, signs and a plural's ending."""
    text = "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if letter.isalnum())
    # Of "glass" it is no plural's; a name that ends so loses it on both sides. "boxes" is near enough to "box".
    return text.removesuffix("s") if len(text) > 3 else text
