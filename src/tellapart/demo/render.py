"""From a scene to a picture: camera, visible surfaces, light, film."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from tellapart.demo.geometry import Array, Point, join, unit
from tellapart.demo.lighting import Light, Surface, light_up
from tellapart.demo.materials import Part, paint
from tellapart.demo.raster import rasterise
from tellapart.demo.rooms import Room, look_at_room

# Each pixel of the picture is the mean of this many by this many.
_SUPERSAMPLING = 2
_NEAREST_METRES = 0.15


@dataclass(frozen=True)
class Camera:
    """Where the picture is taken from.

    Attributes:
        eye: Its place.
        axes: (3, 3): what is right, up and backwards to it.
        focal: Focal length in pixels of the picture.
        centre: Where its axis meets the picture, in pixels.
        size: Width and height of the picture in pixels.
    """

    eye: Point
    axes: Array
    focal: float
    centre: tuple[float, float]
    size: tuple[int, int]


@dataclass(frozen=True)
class Film:
    """How the picture is developed.

    Attributes:
        brightness: What a middle tone becomes, from 0 to 1.
        noise: Standard deviation of the sensor's noise, of 255.
        vignette: Share of the light lost in the corners.
        blur: Radius in pixels.
    """

    brightness: float
    noise: float
    vignette: float
    blur: float


@dataclass(frozen=True)
class Scene:
    """All that a picture is made of."""

    parts: tuple[Part, ...]
    room: Room
    camera: Camera
    light: Light
    film: Film


def project(camera: Camera, points: Array) -> tuple[Array, Array]:
    """Give the (..., 2) picture positions of (..., 3) points, and their depths in metres."""
    seen = (points - np.array(camera.eye)) @ camera.axes.T
    depth = -seen[..., 2]
    safe = np.maximum(depth, 1e-6)[..., None]
    flat = seen[..., :2] / safe * np.array((camera.focal, -camera.focal)) + np.array(camera.centre)
    return flat, depth


def render(scene: Scene, rng: np.random.Generator) -> Image.Image:
    """Draw a scene."""
    return develop(_expose(scene, rng), scene.film, rng)


def _expose(scene: Scene, rng: np.random.Generator) -> Array:
    """Give the linear light of the picture, (height, width, 3), supersampled."""
    camera = _finer(scene.camera)
    width, height = camera.size
    rays = _rays(camera)
    mesh = join([part.mesh for part in scene.parts])
    surface, covered = _furniture(scene.parts, camera, rays)
    free = np.flatnonzero(~covered)
    backdrop = look_at_room(scene.room, camera.eye, rays[free])
    surface.points[free], surface.normals[free] = backdrop.points, backdrop.normals
    surface.colours[free] = backdrop.colours
    light = light_up(surface, mesh.corners, camera.eye, scene.light, rng)
    light[free] += backdrop.glow
    return light.reshape(height, width, 3)


def _rays(camera: Camera) -> Array:
    """Give the (pixels, 3) directions seen by the pixels, one metre deep each."""
    width, height = camera.size
    right, up, back = camera.axes.astype(np.float32)
    across = (np.arange(width, dtype=np.float32) + 0.5 - camera.centre[0]) / camera.focal
    down = (np.arange(height, dtype=np.float32) + 0.5 - camera.centre[1]) / camera.focal
    level = across.astype(np.float32)[None, :, None] * right - back
    return np.asarray(level - down.astype(np.float32)[:, None, None] * up).reshape(-1, 3)


def _finer(camera: Camera) -> Camera:
    n = _SUPERSAMPLING
    return Camera(
        camera.eye,
        camera.axes,
        camera.focal * n,
        (camera.centre[0] * n, camera.centre[1] * n),
        (camera.size[0] * n, camera.size[1] * n),
    )


def _furniture(parts: tuple[Part, ...], camera: Camera, rays: Array) -> tuple[Surface, Array]:
    """Find the surfaces of the parts at each pixel, and which pixels they cover."""
    mesh = join([part.mesh for part in parts])
    owner = np.repeat(np.arange(len(parts)), [len(part.mesh.corners) for part in parts])
    flat, depth = project(camera, mesh.corners)
    shown = np.flatnonzero((depth > _NEAREST_METRES).all(axis=1))
    near = 1 / depth[shown]
    seen = rasterise(flat[shown], near, *camera.size)
    triangle = shown[seen.triangle]
    weights = (seen.weights * near[seen.triangle] / seen.nearness[:, None]).astype(np.float32)
    n = len(rays)
    blank = [np.zeros((n, 3), dtype=np.float32) for _ in range(3)]
    surface = Surface(blank[0], blank[1], blank[2], np.zeros(n, dtype=np.float32))
    at = seen.pixel
    surface.points[at] = np.array(camera.eye, np.float32) + rays[at] / seen.nearness[:, None].astype(np.float32)
    surface.normals[at] = unit(_blend(mesh.normals, triangle, weights))
    _paint_parts(surface, at, parts, (owner[triangle], _blend(mesh.texture, triangle, weights)))
    covered = np.zeros(n, dtype=bool)
    covered[at] = True
    return surface, covered


def _blend(values: Array, triangle: Array, weights: Array) -> Array:
    chosen = values.astype(np.float32)[triangle]
    return np.asarray(np.einsum("pi,pij->pj", weights, chosen))


def _paint_parts(surface: Surface, at: Array, parts: tuple[Part, ...], seen: tuple[Array, Array]) -> None:
    owner, texture = seen
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(len(parts) + 1))
    for index, part in enumerate(parts):
        members = order[ends[index] : ends[index + 1]]
        if len(members):
            # The offset keeps two boards of one wood from showing the same grain.
            surface.colours[at[members]] = paint(part.material, texture[members] + np.float32(0.61 * index))
            surface.shine[at[members]] = part.material.shine


def develop(light: Array, film: Film, rng: np.random.Generator) -> Image.Image:
    """Turn linear light into a picture: mean of neighbours, exposure, tone curve, noise."""
    height, width = light.shape[0] // _SUPERSAMPLING, light.shape[1] // _SUPERSAMPLING
    n = _SUPERSAMPLING
    mean = np.add.reduce([light[i::n, j::n] for i in range(n) for j in range(n)]) / np.float32(n * n)
    # The bright part counts too: a white bed on a black floor must not bleach.
    middle, bright = np.quantile(mean[..., 1], (0.6, 0.93))
    middle = max(float(middle), 0.4 * float(bright))
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    falloff = (1 - film.vignette * (x * x + y * y) / 2) * (film.brightness**2.2 / max(middle, 1e-3))
    mean = mean * falloff[..., None].astype(np.float32)
    # A soft shoulder: windows and highlights bleach instead of clipping hard.
    tone = np.clip(1.18 * mean / (1 + 0.18 * mean**2), 0, 1) ** (1 / 2.2)
    tone = np.where(mean > 2.3, 1.0, tone)
    noisy = tone * 255 + film.noise * rng.standard_normal(tone.shape, dtype=np.float32)
    image = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(film.blur)) if film.blur > 0 else image
