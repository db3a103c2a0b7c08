"""A scene at random: one piece of furniture, its surroundings, a viewpoint, a light."""

import numpy as np

from tellapart.demo.beds import draw_bed
from tellapart.demo.chairs import draw_chair
from tellapart.demo.clutter import floor_thing, height_at, move_parts, small_thing
from tellapart.demo.geometry import Array, Point, join, rotation, unit
from tellapart.demo.lighting import Light
from tellapart.demo.materials import Part
from tellapart.demo.render import Camera, Film, Scene, project
from tellapart.demo.rooms import random_room
from tellapart.demo.sofas import draw_sofa
from tellapart.demo.tables import draw_table

MAKERS = {"bed": draw_bed, "chair": draw_chair, "sofa": draw_sofa, "table": draw_table}
# People take what they want to show: the top of a bed, the front of a sofa.
_LOOK_DOWN_DEGREES = {"bed": 24.0, "chair": 17.0, "sofa": 14.0, "table": 17.0}


def random_scene(kind: str, rng: np.random.Generator) -> Scene:
    """Compose a scene around a piece of furniture; `kind` is a key of `MAKERS`."""
    main = MAKERS[kind](rng)
    corners = join([part.mesh for part in main]).corners
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    company = _company(kind, rng, low, high)
    room = random_room(rng, _point(low), _point(high))
    camera = random_camera(rng, corners, _LOOK_DOWN_DEGREES[kind])
    around = [*_on_top(rng, corners), *_on_floor(rng, (low, high), camera)]
    parts = (*main, *company, *around)
    return Scene(parts, room, camera, _random_light(rng), _random_film(rng))


def _point(values: Array) -> Point:
    x, y, z = (float(value) for value in values)
    return (x, y, z)


def _company(kind: str, rng: np.random.Generator, low: Array, high: Array) -> list[Part]:
    """Add what usually stands there too: chairs at a table, a table before a sofa."""
    if kind == "table" and high[1] > 0.6 and rng.random() < 0.16:
        parts: list[Part] = []
        for side in rng.choice(4, rng.integers(1, 3), replace=False):
            along = rng.uniform(-0.5, 0.5) * (high[0] - low[0] - 0.6) if side < 2 else 0.0
            x, z = [(along, low[2]), (along, high[2]), (low[0], 0.0), (high[0], 0.0)][side]
            yaw = [0.0, np.pi, np.pi / 2, -np.pi / 2][side] + rng.normal(0, 0.2)
            parts += move_parts(draw_chair(rng), x * 1.15, 0.0, z * 1.15, yaw)
        return parts
    if kind in ("sofa", "chair") and rng.random() < 0.06:
        z = high[2] + rng.uniform(0.55, 0.9)
        return move_parts(draw_table(rng), rng.normal(0, 0.3), 0.0, z, rng.choice([0.0, 1.57]))
    if kind == "bed" and rng.random() < 0.1:
        return move_parts(draw_chair(rng), high[0] + rng.uniform(0.4, 0.7), 0.0, low[2] + 0.5, rng.uniform(-2, 2))
    return []


def _on_top(rng: np.random.Generator, corners: Array) -> list[Part]:
    parts: list[Part] = []
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    for _ in range(rng.choice([0, 1, 2, 3], p=[0.62, 0.27, 0.08, 0.03])):
        x, z = (rng.uniform(0.25, 0.75) * (high[i] - low[i]) + low[i] for i in (0, 2))
        level = height_at(corners, x, z)
        if 0.3 < level < 1.0:
            parts += move_parts(small_thing(rng), x, level, z, rng.uniform(-3, 3))
    return parts


def _on_floor(rng: np.random.Generator, bounds: tuple[Array, Array], camera: Camera) -> list[Part]:
    """Put things around the furniture; rarely between it and the camera."""
    low, high = bounds
    parts: list[Part] = []
    eye = np.array(camera.eye)[[0, 2]]
    for _ in range(rng.choice([0, 1, 2, 3, 4], p=[0.42, 0.34, 0.16, 0.06, 0.02])):
        spot = rng.uniform(low[[0, 2]] - 1.0, high[[0, 2]] + 1.0)
        free = ((spot < low[[0, 2]] - 0.25) | (spot > high[[0, 2]] + 0.25)).any()
        before = float(spot @ eye) > 0.35 * float(np.hypot(*eye))
        if free and (not before or rng.random() < 0.25) and np.hypot(*(spot - eye)) > 1.2:
            parts += move_parts(floor_thing(rng), float(spot[0]), 0.0, float(spot[1]), rng.uniform(-3, 3))
    return parts


def random_camera(rng: np.random.Generator, corners: Array, degrees: float = 16.0) -> Camera:
    """Choose a viewpoint that frames `corners`, at times cutting some off; it looks down by some `degrees`."""
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    target = (low + high) / 2
    reach = float(np.linalg.norm(high - low)) / 2
    azimuth = rng.uniform(-0.7, 0.7) if rng.random() < 0.94 else rng.uniform(-np.pi, np.pi)
    elevation = np.radians(rng.triangular(0.5 * degrees, degrees, 1.8 * degrees))
    away = rotation(azimuth, -elevation) @ np.array((0.0, 0.0, 1.0))
    eye = target + away * reach * rng.uniform(2.0, 4.5)
    eye[1] = max(eye[1], 0.25)
    back = unit(eye - target)
    right = unit(np.cross((0.0, 1.0, 0.0), back))
    level = np.stack([right, np.cross(back, right), back])
    axes = rotation(0.0, 0.0, rng.normal(0, 0.035)) @ level
    size = _random_size(rng)
    return _frame(rng, Camera(_point(eye), axes, 1.0, (0.0, 0.0), size), corners)


def _random_size(rng: np.random.Generator) -> tuple[int, int]:
    longest = int(rng.integers(160, 241))
    aspect = rng.choice([4 / 3, 3 / 2, 1.0, 3 / 4, 2 / 3, 16 / 9, rng.uniform(0.7, 1.6)])
    return (longest, round(longest / aspect)) if aspect >= 1 else (round(longest * aspect), longest)


def _frame(rng: np.random.Generator, camera: Camera, corners: Array) -> Camera:
    """Choose the focal length and the centre so that the furniture fills its share of the picture."""
    flat, _ = project(camera, corners.reshape(-1, 3))
    low, high = flat.min(axis=0), flat.max(axis=0)
    size = np.array(camera.size)
    fill = rng.triangular(0.78, 0.93, 1.08)
    focal = fill * float((size / (high - low)).min())
    shift = rng.normal(0, 0.035, 2) * size
    centre = size / 2 - focal * (low + high) / 2 + shift
    return Camera(camera.eye, camera.axes, focal, (float(centre[0]), float(centre[1])), camera.size)


def _random_light(rng: np.random.Generator) -> Light:
    azimuth, rise = rng.uniform(-np.pi, np.pi), rng.uniform(0.6, 1.35)
    # Light from behind the viewer's far side shows only dark faces, so most comes from the front.
    if rng.random() < 0.6:
        azimuth = rng.uniform(-1.3, 1.3)
    towards = rotation(azimuth, -rise) @ np.array((0.0, 0.0, 1.0))
    warmth, strength = rng.normal(0, 0.12), rng.uniform(0.4, 1.9)
    lamp = strength * np.array((1 + warmth, 1.0, 1 - warmth))
    ambient = np.array((1 - 0.4 * warmth, 1.0, 1 + 0.4 * warmth)) * rng.uniform(0.8, 1.1)
    return Light(_point(towards), _point(lamp), _point(ambient), rng.uniform(0.01, 0.06))


def _random_film(rng: np.random.Generator) -> Film:
    blur = rng.uniform(0.4, 0.9) if rng.random() < 0.2 else 0.0
    return Film(rng.uniform(0.42, 0.72), rng.uniform(1.0, 5.0), rng.uniform(0.0, 0.35), blur)
