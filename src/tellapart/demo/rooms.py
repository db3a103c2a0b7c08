"""What stands behind and below: rooms with windows and pictures, a studio, a garden."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tellapart.demo.geometry import Array, Point, rotation
from tellapart.demo.materials import (
    Colour,
    Material,
    any_colour,
    hard_material,
    linear,
    muted,
    noise,
    paint,
    shade,
    soft_material,
)

_WHITE = linear((0.93, 0.92, 0.9))


@dataclass(frozen=True)
class Patch:
    """A window, picture or door on a wall.

    Attributes:
        wall: 0 and 1 are the walls at low and high x, 2 and 3 those at low and high z.
        low: Where it begins along the wall and above the floor, in metres.
        high: Where it ends.
        frame: Colour of its rim.
        inside: What it shows; None is glass with the sky behind.
    """

    wall: int
    low: tuple[float, float]
    high: tuple[float, float]
    frame: Colour
    inside: Material | None


@dataclass(frozen=True)
class Rug:
    """A rug around the origin, with half its size in metres; `power` 2 makes it oval."""

    half: tuple[float, float]
    yaw: float
    power: float
    cloth: Material


@dataclass(frozen=True)
class Room:
    """A box that is seen from within, with its floor at y = 0.

    Attributes:
        low: Its corner at low x, y, z.
        high: Its opposite corner.
        floor: Material of the floor.
        floor_kind: A key of `FLOORS`.
        yaw: How the planks or tiles lie, in radians.
        wall: Material of the walls.
        wall_kind: A key of `WALLS`.
        patches: What hangs on the walls.
        rug: What lies on the floor.
    """

    low: Point
    high: Point
    floor: Material
    floor_kind: str
    yaw: float
    wall: Material
    wall_kind: str
    patches: tuple[Patch, ...] = ()
    rug: Rug | None = None


@dataclass(frozen=True)
class Backdrop:
    """What rays meet: where, its normal, its colour, and light that it gives off itself."""

    points: Array
    normals: Array
    colours: Array
    glow: Array


def random_room(rng: np.random.Generator, low: Point, high: Point) -> Room:
    """Make a room, studio or garden around what stands between `low` and `high`."""
    kind = rng.choice(["room", "studio", "garden"], p=[0.62, 0.3, 0.08])
    near, far = (0.05, 1.6) if kind == "room" else (3.0, 7.0)
    gaps = rng.uniform(near, far, 2)
    sides = rng.uniform(1.2, 3.5, 2)
    if kind == "garden":
        sides = sides + 4
    left = rng.choice([-1, 1])
    x_gaps = (gaps[0], sides[0]) if left < 0 else (sides[0], gaps[0])
    if rng.random() < 0.6:
        x_gaps = (sides[0], sides[1])
    ceiling = 9.0 if kind != "room" else rng.uniform(2.4, 3.2)
    corners = (low[0] - x_gaps[0], 0.0, low[2] - gaps[1]), (high[0] + x_gaps[1], ceiling, high[2] + 4.0)
    rug = _random_rug(rng, low, high) if kind == "room" and rng.random() < 0.22 else None
    floor, floor_kind, wall, wall_kind = _surfaces(rng, str(kind))
    patches = _random_patches(rng, *corners) if kind == "room" else ()
    yaw = float(rng.choice([0.0, np.pi / 2, np.pi / 4]))
    return Room(*corners, floor, floor_kind, yaw, wall, wall_kind, patches, rug)


def _surfaces(rng: np.random.Generator, kind: str) -> tuple[Material, str, Material, str]:
    colour = any_colour(rng)
    plain = Material(colour, shade(colour, 0.8))
    if kind == "studio":
        paper = muted(plain, rng.uniform(0.45, 0.9))
        return paper, "smooth", paper, "studio"
    if kind == "garden":
        green = linear((rng.uniform(0.3, 0.5), rng.uniform(0.45, 0.62), rng.uniform(0.2, 0.35)))
        lawn = Material(green, shade(green, 0.5), "weave", 1.0)
        stone = Material(linear((0.62, 0.6, 0.56)), linear((0.45, 0.43, 0.4)), "weave", 1.0)
        grows = Material(shade(green, 0.7), shade(green, 0.2), "weave", 0.4)
        ground = lawn if rng.random() < 0.6 else stone
        return ground, "smooth" if ground is lawn else "tiles", grows, "hedge"
    floor_kind = str(rng.choice(["planks", "tiles", "smooth"], p=[0.5, 0.22, 0.28]))
    floor = hard_material(rng) if floor_kind != "smooth" else soft_material(rng)
    if floor_kind == "planks":
        floor = Material(floor.colour, shade(floor.colour, 0.6), "wood", 0.8, 0.1)
    pale = plain if rng.random() < 0.35 else Material(shade(_WHITE, rng.uniform(0.5, 1.0)), colour)
    wall_kind = str(rng.choice(["plain", "paper", "panelled", "bricks"], p=[0.55, 0.17, 0.16, 0.12]))
    if wall_kind == "paper":
        paper = soft_material(rng)
        pale = Material(pale.colour, paper.colour, str(rng.choice(["stripes", "dots", "blotches"])), rng.uniform(3, 8))
    # Furniture is to stand out from what is around it, as in a catalogue.
    return muted(floor, rng.uniform(0.5, 0.9)), floor_kind, muted(pale, rng.uniform(0.5, 0.9)), wall_kind


def _random_rug(rng: np.random.Generator, low: Point, high: Point) -> Rug:
    half = ((high[0] - low[0]) / 2 + rng.uniform(-0.2, 0.7), (high[2] - low[2]) / 2 + rng.uniform(-0.2, 0.7))
    return Rug(half, rng.normal(0, 0.15), float(rng.choice([2.0, 30.0])), soft_material(rng))


def _random_patches(rng: np.random.Generator, low: Point, high: Point) -> tuple[Patch, ...]:
    patches = []
    for wall in range(4):
        along = 2 if wall < 2 else 0
        start, end = low[along] + 0.1, high[along] - 0.1
        at = start + rng.uniform(0.0, 0.8)
        while at < end - 0.5 and rng.random() < 0.4:
            kind = rng.choice(["window", "picture", "door"], p=[0.33, 0.52, 0.15])
            wide = rng.uniform(0.8, 1.5) if kind == "window" else rng.uniform(0.3, 0.9)
            base, top = rng.uniform(0.95, 1.3), rng.uniform(1.5, 2.2)
            inside = None if kind == "window" else soft_material(rng)
            if kind == "door":
                wide, base, top, inside = 0.85, 0.0, 2.05, hard_material(rng)
            frame = _WHITE if rng.random() < 0.5 else any_colour(rng)
            patches.append(Patch(wall, (at, base), (min(at + wide, end), top), frame, inside))
            at += wide + rng.uniform(0.2, 1.2)
    return tuple(patches)


def look_at_room(room: Room, eye: Point, rays: Array) -> Backdrop:
    """Follow (rays, 3) from `eye` to the far side of the room.

    The eye may stand outside: walls between it and the room are not there.
    """
    start = np.array(eye, dtype=np.float32)
    safe = np.where(np.abs(rays) < 1e-6, np.float32(1e-6), rays)
    bounds = np.array((room.low, room.high), dtype=np.float32)
    distance = (np.where(safe > 0, bounds[1], bounds[0]) - start) / safe
    nearest = np.minimum(np.minimum(distance[:, 0], distance[:, 1]), distance[:, 2])
    axis = np.where(distance[:, 0] == nearest, 0, np.where(distance[:, 1] == nearest, 1, 2))
    points = start + rays * nearest[:, None]
    rising = np.take_along_axis(safe, axis[:, None], axis=1)[:, 0] > 0
    normals = np.zeros_like(points)
    for i in range(3):
        normals[:, i] = (axis == i) * np.where(rising, np.float32(-1), np.float32(1))
    colours = np.full_like(points, 0.85)
    glow = np.zeros_like(points)
    floor = (axis == 1) & ~rising
    colours[floor] = _floor(room, points[floor][:, [0, 2]])
    for wall in range(4):
        side = wall % 2
        chosen = np.flatnonzero((axis == 2 * (wall // 2)) & (rising == bool(side)))
        spots = points[chosen][:, [2, 1]] if wall < 2 else points[chosen][:, [0, 1]]
        colours[chosen], glow[chosen] = _wall(room, wall, spots)
    if room.wall_kind == "studio":
        normals[:] = (0.0, 1.0, 0.0)
        colours[:] = paint(room.wall, points)
    return Backdrop(points, normals, colours, glow)


def _floor(room: Room, spots: Array) -> Array:
    turn = rotation(room.yaw)[::2, ::2]
    colours = FLOORS[room.floor_kind](room.floor, (spots @ turn).astype(np.float32))
    if room.rug is not None:
        _lay_rug(room.rug, spots, colours)
    return colours


def _lay_rug(rug: Rug, spots: Array, colours: Array) -> None:
    local = (spots @ rotation(rug.yaw)[::2, ::2]).astype(np.float32)
    share = np.minimum(np.abs(local / np.array(rug.half, np.float32)), 2)
    reach = (share[:, 0] ** rug.power + share[:, 1] ** rug.power) ** (1 / rug.power)
    inside = np.flatnonzero(reach < 1)
    texture = _flat_texture(local[inside])
    colours[inside] = paint(rug.cloth, texture)
    colours[inside[reach[inside] > 0.92]] = rug.cloth.second


def _flat_texture(spots: Array) -> Array:
    return np.concatenate([spots, np.zeros((len(spots), 1), dtype=spots.dtype)], axis=1)


def _smooth_floor(material: Material, spots: Array) -> Array:
    return paint(material, _flat_texture(spots))


def _plank_floor(material: Material, spots: Array) -> Array:
    row = np.floor(spots[:, 1] / 0.13)
    offset = noise(row * 0.137, row * 0.071)
    along = spots[:, 0] / 1.1 + 3 * offset
    tone = 0.7 + 0.5 * noise(row * 0.317 + np.floor(along) * 0.113, row * 0.523)
    moved = np.stack([spots[:, 0] + 5 * offset, spots[:, 1], row * 0.37], axis=1)
    seam = (spots[:, 1] % 0.13 < 0.006) | (along % 1.0 < 0.006)
    return np.asarray(paint(material, moved) * np.where(seam, 0.45, tone)[:, None])


def _tile_floor(material: Material, spots: Array) -> Array:
    cell = np.floor(spots / 0.33)
    odd = ((cell[:, 0] + cell[:, 1]) % 2 > 0) & (material.scale > 0.9)
    colours = paint(material, _flat_texture(spots)) * np.where(odd, 0.6, 1.0)[:, None]
    seam = (spots[:, 0] % 0.33 < 0.012) | (spots[:, 1] % 0.33 < 0.012)
    colours[seam] = 0.4
    return np.asarray(colours)


FLOORS: dict[str, Callable[[Material, Array], Array]] = {
    "smooth": _smooth_floor,
    "planks": _plank_floor,
    "tiles": _tile_floor,
}


def _wall(room: Room, wall: int, spots: Array) -> tuple[Array, Array]:
    """Give the colours and the glow at (points, 2) places along and up a wall."""
    colours, glow = WALLS[room.wall_kind](room.wall, spots)
    if room.wall_kind not in ("hedge", "studio"):
        colours[(spots[:, 1] < 0.09)] = _WHITE
    for patch in room.patches:
        if patch.wall == wall:
            _hang(patch, spots, colours, glow)
    return colours, glow


def _hang(patch: Patch, spots: Array, colours: Array, glow: Array) -> None:
    low, high = np.array(patch.low), np.array(patch.high)
    across, up = ((spots[:, i] > low[i]) & (spots[:, i] < high[i]) for i in range(2))
    inside = np.flatnonzero(across & up)
    local = spots[inside]
    rim = np.minimum(local - low, high - local).min(axis=1) < 0.045
    if patch.inside is None:
        bars = np.abs(local - (low + high) / 2).min(axis=1) < 0.02
        rim |= bars
        sky = _sky(local, 1.1)
        glow[inside] = np.where(rim[:, None], 0.0, sky)
        colours[inside] = 0.0
    else:
        colours[inside] = paint(patch.inside, _flat_texture(local))
    colours[inside[rim]] = patch.frame


def _sky(spots: Array, horizon: float) -> Array:
    """Give daylight behind glass: bright sky, and trees below the horizon."""
    rise = np.clip((spots[:, 1] - horizon) / 2.0, 0, 1)[:, None].astype(np.float32)
    blue, haze = np.array((0.45, 0.65, 1.0), np.float32), np.array((1.0, 1.0, 1.0), np.float32)
    cloud = noise(spots[:, 0] * 0.03, spots[:, 1] * 0.05)[:, None]
    sky = haze + (0.3 + 0.7 * rise) * (1 - 0.7 * cloud) * (blue - haze)
    edge = horizon + 0.3 * noise(spots[:, 0] * 0.05, np.zeros(len(spots)))
    trees = np.array((0.12, 0.2, 0.08), np.float32) * (0.4 + noise(spots[:, 0] * 0.4, spots[:, 1] * 0.4))[:, None]
    return np.where((spots[:, 1] < edge)[:, None], trees, sky)


def _plain_wall(material: Material, spots: Array) -> tuple[Array, Array]:
    return paint(material, _flat_texture(spots)).copy(), np.zeros((len(spots), 3), np.float32)


def _panelled_wall(material: Material, spots: Array) -> tuple[Array, Array]:
    colours = paint(material, _flat_texture(spots)).copy()
    low = spots[:, 1] < 0.95
    colours[low] *= np.array(0.75, np.float32)
    colours[low & (spots[:, 0] % 0.3 < 0.015)] *= np.array(0.5, np.float32)
    colours[np.abs(spots[:, 1] - 0.95) < 0.03] = _WHITE
    return colours, np.zeros((len(spots), 3), np.float32)


def _brick_wall(material: Material, spots: Array) -> tuple[Array, Array]:
    course = np.floor(spots[:, 1] / 0.085)
    along = spots[:, 0] / 0.24 + 0.5 * (course % 2)
    tone = 0.6 + 0.5 * noise(course * 0.217 + np.floor(along) * 0.093, course * 0.411)
    seam = (spots[:, 1] % 0.085 < 0.012) | (along % 1.0 < 0.05)
    return paint(material, _flat_texture(spots)) * np.where(seam, 1.15, tone)[:, None], np.zeros(
        (len(spots), 3), np.float32
    )


def _hedge(material: Material, spots: Array) -> tuple[Array, Array]:
    colours = paint(material, _flat_texture(spots)).copy()
    top = 1.3 + 1.2 * noise(spots[:, 0] * 0.02, np.zeros(len(spots)))
    above = spots[:, 1] > top
    glow = np.zeros((len(spots), 3), np.float32)
    glow[above] = _sky(spots[above], 0.0)
    colours[above] = 0.0
    return colours, glow


WALLS: dict[str, Callable[[Material, Array], tuple[Array, Array]]] = {
    "plain": _plain_wall,
    "paper": _plain_wall,
    "panelled": _panelled_wall,
    "bricks": _brick_wall,
    "studio": _plain_wall,
    "hedge": _hedge,
}
