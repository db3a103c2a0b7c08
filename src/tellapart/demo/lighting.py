"""Light and shade: a sun or lamp with its shadows, and daylight from all around."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from tellapart.demo.geometry import Array, Point, dot, unit
from tellapart.demo.materials import Colour
from tellapart.demo.raster import Seen, rasterise

_SHADOW_PIXELS = 288
_METRES_PER_CELL = 0.04
_TALLEST = 2.4


@dataclass(frozen=True)
class Light:
    """A far lamp and the light that comes from everywhere.

    Attributes:
        towards: Direction from the scene to the lamp.
        colour: Light of the lamp, red, green, blue.
        ambient: Light from all around.
        softness: Radius of the shadow's edge in metres.
    """

    towards: Point
    colour: Colour
    ambient: Colour
    softness: float


@dataclass(frozen=True)
class Surface:
    """What is to be lit, one row for each pixel: (pixels, 3), and (pixels,) for the shine."""

    points: Array
    normals: Array
    colours: Array
    shine: Array


def light_up(surface: Surface, corners: Array, eye: Point, light: Light, rng: np.random.Generator) -> Array:
    """Give the (pixels, 3) light that the surface sends to the eye.

    Args:
        surface: What is seen.
        corners: (triangles, 3, 3) all that throws shadows.
        eye: Where the camera is.
        light: The light.
        rng: Spreads the shadow's edge.
    """
    towards = unit(np.array(light.towards)).astype(np.float32)
    facing = np.clip(surface.normals @ towards, 0, None)
    bright = np.flatnonzero(facing > 0)
    raised = surface.points[bright] + np.float32(0.02) * surface.normals[bright]
    sun = np.zeros_like(facing)
    sun[bright] = facing[bright] * lit_share(raised, corners, light, rng)
    around = (0.72 + 0.28 * surface.normals[:, 1]) * (1 - shelter(surface.points, corners))
    lamp, ambient = np.array(light.colour, np.float32), np.array(light.ambient, np.float32)
    diffuse = surface.colours * (sun[:, None] * lamp + around[:, None] * ambient)
    shiny = np.flatnonzero(surface.shine > 0)
    view = unit(np.array(eye, np.float32) - surface.points[shiny])
    normals = surface.normals[shiny]
    halfway = np.clip(dot(normals, unit(view + towards)), 0, 1)
    head_on = dot(normals, view)
    mirrored = 2 * head_on * normals[:, 1] - view[:, 1]
    rim = 0.15 + 0.85 * (1 - np.clip(head_on, 0, 1)) ** 4
    strength = surface.shine[shiny]
    gloss = strength * (1.2 * halfway**40 * (sun[shiny] > 0.05))
    sheen = strength**2 * rim * around[shiny] * (0.35 + 0.65 * (mirrored > 0.1) * np.abs(mirrored))
    diffuse[shiny] += gloss[:, None] * lamp + sheen[:, None] * ambient
    return np.asarray(diffuse)


def lit_share(points: Array, corners: Array, light: Light, rng: np.random.Generator) -> Array:
    """Give the share of the lamp that reaches each point, from 0 to 1."""
    towards = unit(np.array(light.towards))
    across = unit(np.cross((0.0, 1.0, 0.0) if abs(towards[1]) < 0.95 else (1.0, 0.0, 0.0), towards))
    basis = np.stack([across, np.cross(across, towards), towards])
    seen, low, per_metre = _shoot(corners @ basis.T)
    depth = np.full(_SHADOW_PIXELS**2, -np.inf, dtype=np.float32)
    depth[seen.pixel] = seen.nearness
    spots = points @ basis.T.astype(np.float32)
    lowest = spots[:, 2] + np.float32(0.015)
    share = np.zeros(len(points), dtype=np.float32)
    jitter = rng.normal(0, light.softness, (3, 4096, 2)).astype(np.float32)
    for offsets in jitter:
        moved = np.resize(offsets, (len(points), 2)) - low
        # The outermost cells of the map are empty, so whatever lies beyond it is lit.
        column, row = (
            np.clip((spots[:, i] + moved[:, i]) * np.float32(per_metre), 0, _SHADOW_PIXELS - 1).astype(np.intp)
            for i in range(2)
        )
        share += depth[row * _SHADOW_PIXELS + column] < lowest
    return np.asarray(share / len(jitter))


def _shoot(seen_along: Array) -> tuple[Seen, Array, float]:
    """Draw triangles in parallel projection: x right, y down, greater z is nearer."""
    low = seen_along[..., :2].min(axis=(0, 1)) - 0.1
    reach = float(np.ptp(seen_along[..., :2], axis=(0, 1)).max()) + 0.2
    per_metre = _SHADOW_PIXELS / reach
    flat = (seen_along[..., :2] - low) * per_metre
    return rasterise(flat, seen_along[..., 2], _SHADOW_PIXELS, _SHADOW_PIXELS), low.astype(np.float32), per_metre


def shelter(points: Array, corners: Array) -> Array:
    """Give how much of the light from around is kept off each point, from 0 to 1.

    Two plans of the scene, blurred: how high it reaches, which darkens what lies under and
    beside it, and how close it comes to the floor, which draws the contact shadow.
    """
    low = corners.min(axis=(0, 1))[[0, 2]] - 0.6
    size = np.ceil((corners.max(axis=(0, 1))[[0, 2]] + 0.6 - low) / _METRES_PER_CELL).astype(int)
    width, height = int(size[0]), int(size[1])
    plan = (corners[..., [0, 2]] - low) / _METRES_PER_CELL
    top = np.zeros(width * height)
    above = rasterise(plan, corners[..., 1], width, height)
    top[above.pixel] = np.clip(above.nearness / _TALLEST, 0, 1)
    touch = np.zeros(width * height)
    below = rasterise(plan[:, ::-1], -corners[:, ::-1, 1], width, height)
    touch[below.pixel] = np.exp(np.clip(below.nearness, -3, 0) / 0.1)
    roof = _blur(top, width, height, 5.0) * _TALLEST
    close = np.maximum(_blur(touch, width, height, 1.0), 1.3 * _blur(touch, width, height, 3.0))
    column, row = (
        np.clip((points[:, axis] - np.float32(start)) / np.float32(_METRES_PER_CELL), 0, n - 1).astype(np.intp)
        for axis, start, n in ((0, low[0], width), (2, low[1], height))
    )
    index = row * width + column
    rise = points[:, 1]
    under = 0.62 * np.clip((roof[index] - rise - 0.04) / 0.55, 0, 1)
    contact = 0.75 * np.clip(close[index], 0, 1) * np.exp(-np.clip(rise, 0, None) / 0.05)
    return np.asarray(1 - (1 - under) * (1 - contact)).astype(np.float32)


def _blur(values: Array, width: int, height: int, radius: float) -> Array:
    grey = Image.fromarray((values * 255).astype(np.uint8).reshape(height, width))
    soft = grey.filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(soft, dtype=np.float32).ravel() / 255
