"""What things are made of: colours, wood grain, cloth, leather, metal.

All classes of furniture draw from the same colours, so that colour alone tells nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from tellapart.demo.geometry import Array, Mesh

Colour: TypeAlias = tuple[float, float, float]

_TILE = 512
_PALE = (0.6, 0.55, 0.48)

# sRGB, as seen on paint cards, woods and cloth.
_COLOURS: tuple[Colour, ...] = (
    (0.93, 0.91, 0.87), (0.80, 0.78, 0.74), (0.60, 0.60, 0.60), (0.36, 0.37, 0.39), (0.16, 0.16, 0.17),
    (0.87, 0.72, 0.53), (0.76, 0.57, 0.36), (0.62, 0.42, 0.25), (0.45, 0.29, 0.18), (0.30, 0.18, 0.12),
    (0.72, 0.23, 0.18), (0.86, 0.45, 0.30), (0.90, 0.68, 0.25), (0.93, 0.86, 0.60), (0.50, 0.58, 0.33),
    (0.25, 0.42, 0.30), (0.55, 0.72, 0.65), (0.20, 0.48, 0.52), (0.55, 0.69, 0.82), (0.22, 0.36, 0.60),
    (0.15, 0.20, 0.36), (0.46, 0.36, 0.56), (0.78, 0.56, 0.64), (0.53, 0.20, 0.28), (0.68, 0.62, 0.50),
)  # fmt: skip


@dataclass(frozen=True)
class Material:
    """A surface.

    Attributes:
        colour: Linear reflectance of red, green, blue.
        second: The colour of grain, stripes, checks or dots.
        pattern: A key of `PATTERNS`.
        scale: Repeats of the pattern in a metre.
        shine: Strength of the highlight, from 0 to 1.
    """

    colour: Colour
    second: Colour
    pattern: str = "plain"
    scale: float = 1.0
    shine: float = 0.0


@dataclass(frozen=True)
class Part:
    """A mesh and what it is made of."""

    mesh: Mesh
    material: Material


def linear(colour: Colour) -> Colour:
    """Turn an sRGB colour into linear reflectance."""
    red, green, blue = (value**2.2 for value in colour)
    return (red, green, blue)


def any_colour(rng: np.random.Generator) -> Colour:
    """Choose a colour, in linear reflectance, near one of the card."""
    chosen = np.array(_COLOURS[rng.integers(len(_COLOURS))])
    red, green, blue = np.clip(chosen + rng.normal(0, 0.035, 3), 0.04, 0.96)
    return linear((float(red), float(green), float(blue)))


def shade(colour: Colour, factor: float) -> Colour:
    """Make a colour darker (below 1) or lighter (above 1)."""
    red, green, blue = (min(value * factor, 0.95) for value in colour)
    return (red, green, blue)


def muted(material: Material, share: float) -> Material:
    """Mix a material with a warm pale grey, and its pattern with its ground, by `share` from 0 to 1."""
    ground = np.array(material.colour) * (1 - share) + np.array(_PALE) * share
    figure = np.array(material.second) * (1 - share) + np.array(_PALE) * share
    (r, g, b), (r2, g2, b2) = ground, figure + share * (ground - figure)
    calm, calm_second = (float(r), float(g), float(b)), (float(r2), float(g2), float(b2))
    return replace(material, colour=calm, second=calm_second)


def hard_material(rng: np.random.Generator) -> Material:
    """Choose something to build of: wood, paint, metal or stone."""
    kind = rng.choice(["wood", "plain", "metal", "marble"], p=[0.5, 0.33, 0.1, 0.07])
    colour = any_colour(rng)
    if kind == "wood":
        return Material(colour, shade(colour, rng.uniform(0.45, 0.75)), "wood", rng.uniform(0.7, 1.5), 0.15)
    if kind == "metal":
        grey = rng.uniform(0.08, 0.5)
        return Material((grey, grey, grey * 1.03), colour, "plain", 1.0, 0.9)
    if kind == "marble":
        return Material(colour, shade(colour, rng.choice([0.4, 1.8])), "marble", rng.uniform(1.0, 2.5), 0.5)
    return Material(colour, colour, "plain", 1.0, rng.uniform(0.05, 0.4))


def _near(colour: Colour, other: Colour) -> Colour:
    red, green, blue = (0.6 * a + 0.4 * b for a, b in zip(colour, other, strict=True))
    return (red, green, blue)


def soft_material(rng: np.random.Generator) -> Material:
    """Choose something to cover with: cloth or leather."""
    kinds = ["plain", "weave", "stripes", "checks", "dots", "leather", "blotches"]
    kind = str(rng.choice(kinds, p=[0.27, 0.3, 0.09, 0.07, 0.04, 0.17, 0.06]))
    colour = any_colour(rng)
    if kind == "leather":
        return Material(colour, shade(colour, 0.7), "weave", 2.0, 0.45)
    second = shade(colour, rng.uniform(0.6, 0.9)) if kind == "weave" else _near(any_colour(rng), colour)
    return Material(colour, second, kind, rng.uniform(4.0, 12.0), 0.0)


@lru_cache(maxsize=1)
def _clouds() -> Array:
    """Give a tile of smooth noise from 0 to 1 that repeats without a seam."""
    frequency = np.hypot(np.fft.fftfreq(_TILE)[:, None], np.fft.rfftfreq(_TILE)[None, :]) * _TILE
    spectrum = np.fft.rfft2(np.random.default_rng(0).normal(size=(_TILE, _TILE)))
    rough = np.fft.irfft2(spectrum / np.maximum(frequency, 4.0) ** 1.2, s=(_TILE, _TILE))
    ranks = np.empty(_TILE * _TILE, dtype=np.float32)
    ranks[np.argsort(rough, axis=None)] = np.linspace(0.0, 1.0, _TILE * _TILE, dtype=np.float32)
    return ranks.reshape(_TILE, _TILE)


def noise(u: Array, v: Array) -> Array:
    """Give smooth noise from 0 to 1; one unit of `u` or `v` is some twelve blotches wide."""
    column, row = (np.floor(x * _TILE).astype(np.intp) % _TILE for x in (u, v))
    return np.asarray(_clouds()[row, column])


def _plain(p: Array) -> Array:
    return 0.15 * noise(p[:, 0] * 0.1, (p[:, 1] + p[:, 2]) * 0.1)


def _wood(p: Array) -> Array:
    across = p[:, 1] + 0.7 * p[:, 2]
    bent = across + 0.05 * noise(p[:, 0] * 0.15, across * 0.3)
    fine = noise(p[:, 0] * 0.06, bent * 1.3)
    return np.asarray(0.65 * (0.5 + 0.5 * np.sin(bent * 110 + 5 * fine)) * fine + 0.5 * fine)


def _stripes(p: Array) -> Array:
    return np.asarray(p[:, 0] % 1.0 < 0.4).astype(np.float32)


def _checks(p: Array) -> Array:
    across = (p[:, 1] + p[:, 2]) % 1.0 < 0.5
    return np.asarray(0.5 * (p[:, 0] % 1.0 < 0.5) + 0.5 * across)


def _dots(p: Array) -> Array:
    u, v = p[:, 0] % 1.0 - 0.5, (p[:, 1] + p[:, 2]) % 1.0 - 0.5
    return np.asarray(u * u + v * v < 0.09).astype(np.float32)


def _weave(p: Array) -> Array:
    return noise(p[:, 0] * 0.35, (p[:, 1] + p[:, 2]) * 0.35)


def _marble(p: Array) -> Array:
    cloud = noise(p[:, 0] * 0.2, (p[:, 1] + p[:, 2]) * 0.2)
    return np.asarray(np.exp(-(((cloud - 0.5) / 0.06) ** 2)))


def _blotches(p: Array) -> Array:
    cloud = noise(p[:, 0] * 0.03, (p[:, 1] + p[:, 2]) * 0.03)
    return np.asarray(cloud > 0.55).astype(np.float32)


PATTERNS: dict[str, Callable[[Array], Array]] = {
    "plain": _plain,
    "wood": _wood,
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "weave": _weave,
    "marble": _marble,
    "blotches": _blotches,
}


def paint(material: Material, texture: Array) -> Array:
    """Give the linear colours of a material at (points, 3) texture positions in metres."""
    share = PATTERNS[material.pattern](texture * material.scale)[:, None].astype(np.float32)
    first, second = np.array((material.colour, material.second), dtype=np.float32)
    return np.asarray(first + share * (second - first))
