"""Other things: boxes, balls, lamps, plants, books, vases, baskets, small stands."""

from collections.abc import Sequence

import numpy as np

from tellapart.demo.geometry import Array, Mesh, ball, box, cushion, join, lathe, rod
from tellapart.demo.materials import Material, Part, any_colour, hard_material, linear, shade, soft_material


def floor_thing(rng: np.random.Generator) -> list[Part]:
    """Make something that stands on the floor, around the origin."""
    makers = [_box_pile, _ball, _floor_lamp, _plant, _basket, _stand, _pouf, small_thing]
    chosen = makers[rng.choice(len(makers), p=[0.16, 0.08, 0.14, 0.2, 0.1, 0.16, 0.08, 0.08])]
    return chosen(rng)


def small_thing(rng: np.random.Generator) -> list[Part]:
    """Make something that may lie on furniture, around the origin."""
    makers = [_books, _vase, _bowl, _small_box, _lamp, _ball]
    return makers[rng.choice(len(makers), p=[0.25, 0.25, 0.15, 0.15, 0.12, 0.08])](rng)


def height_at(corners: Array, x: float, z: float) -> float:
    """Give the height of the highest surface above a spot of the floor, 0 where there is none."""
    a, b, c = (corners[:, i][:, [0, 2]] - np.array((x, z)) for i in range(3))
    weights = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], axis=1)
    area = weights.sum(axis=1)
    inside = (np.abs(area) > 1e-9) & ((weights * np.sign(area)[:, None]) >= 0).all(axis=1)
    if not inside.any():
        return 0.0
    share = weights[inside] / area[inside, None]
    return float((share * corners[inside][:, :, 1]).sum(axis=1).max())


def move_parts(parts: Sequence[Part], x: float, y: float, z: float, yaw: float = 0.0) -> list[Part]:
    """Turn parts about the y axis, then shift them."""
    return [Part(part.mesh.turned(yaw=yaw).moved(x, y, z), part.material) for part in parts]


def _cross(u: Array, v: Array) -> Array:
    return np.asarray(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])


def _box_pile(rng: np.random.Generator) -> list[Part]:
    parts, level = [], 0.0
    for _ in range(rng.integers(1, 4)):
        wide, tall, deep = rng.uniform(0.22, 0.5), rng.uniform(0.15, 0.4), rng.uniform(0.22, 0.5)
        crate = box(wide, tall, deep).turned(yaw=rng.uniform(-0.4, 0.4)).moved(y=level)
        parts.append(Part(crate, hard_material(rng)))
        level += tall
    return parts


def _small_box(rng: np.random.Generator) -> list[Part]:
    return [Part(box(*rng.uniform(0.08, 0.24, 3)), hard_material(rng))]


def _ball(rng: np.random.Generator) -> list[Part]:
    wide = rng.uniform(0.12, 0.3)
    return [Part(ball((wide, wide, wide), 16), soft_material(rng))]


def _lamp(rng: np.random.Generator, tall: float = 0.4, wide: float = 0.12) -> list[Part]:
    stem = lathe([(wide, 0.0), (wide * 0.9, 0.02), (0.012, 0.04), (0.012, tall)], 12)
    glow = shade(any_colour(rng), 1.6)
    cap = lathe([(wide * 1.4, tall - 0.05), (wide * rng.uniform(0.6, 1.4), tall + wide * 1.6)], 14)
    return [Part(stem, hard_material(rng)), Part(cap, Material(glow, glow))]


def _floor_lamp(rng: np.random.Generator) -> list[Part]:
    return _lamp(rng, rng.uniform(1.1, 1.6), rng.uniform(0.12, 0.18))


def _plant(rng: np.random.Generator) -> list[Part]:
    wide, tall = rng.uniform(0.1, 0.2), rng.uniform(0.15, 0.35)
    pot = lathe([(wide * 0.7, 0.0), (wide, tall), (wide * 0.85, tall - 0.01)], 14)
    green = linear((rng.uniform(0.15, 0.45), rng.uniform(0.35, 0.6), rng.uniform(0.15, 0.35)))
    leaves = []
    for _ in range(rng.integers(7, 14)):
        long = rng.uniform(0.25, 0.6)
        leaf: Mesh = ball((0.1, long, 0.03), 8).turned(pitch=rng.uniform(0.1, 0.9))
        leaves.append(leaf.turned(yaw=rng.uniform(0, 6.3)).moved(y=tall - 0.03 + rng.uniform(0, 0.2)))
    stem = rod((0, 0.05, 0), (0, tall + 0.3, 0), 0.015)
    return [
        Part(pot, hard_material(rng)),
        Part(join([stem, *leaves]), Material(green, shade(green, 0.5), "weave", 3.0)),
    ]


def _basket(rng: np.random.Generator) -> list[Part]:
    wide, tall = rng.uniform(0.14, 0.26), rng.uniform(0.2, 0.4)
    wicker = lathe([(wide * 0.8, 0.0), (wide, tall * 0.6), (wide * 0.95, tall)], 16)
    return [Part(wicker, soft_material(rng))]


def _pouf(rng: np.random.Generator) -> list[Part]:
    wide = rng.uniform(0.4, 0.6)
    return [Part(cushion((wide, rng.uniform(0.25, 0.42), wide), 0.1, 0.1), soft_material(rng))]


def _stand(rng: np.random.Generator) -> list[Part]:
    """A night stand or small shelf, perhaps with something on it."""
    wide, tall, deep = rng.uniform(0.3, 0.5), rng.uniform(0.35, 0.65), rng.uniform(0.3, 0.42)
    wood = hard_material(rng)
    chest = box(wide, tall, deep)
    fronts = [box(wide * 0.86, tall * 0.36, 0.02).moved(y=tall * y, z=deep / 2) for y in (0.1, 0.54)]
    parts = [Part(chest, wood), Part(join(fronts), hard_material(rng))]
    if rng.random() < 0.6:
        parts += move_parts(small_thing(rng), 0.0, tall, 0.0)
    return parts


def _books(rng: np.random.Generator) -> list[Part]:
    parts, level = [], 0.0
    for _ in range(rng.integers(1, 5)):
        tall = rng.uniform(0.02, 0.05)
        cover = Material(any_colour(rng), any_colour(rng))
        book = box(rng.uniform(0.14, 0.24), tall, rng.uniform(0.18, 0.3)).turned(yaw=rng.uniform(-0.5, 0.5))
        parts.append(Part(book.moved(y=level), cover))
        level += tall
    return parts


def _vase(rng: np.random.Generator) -> list[Part]:
    wide, tall = rng.uniform(0.04, 0.09), rng.uniform(0.15, 0.35)
    rise = np.linspace(0, 1, 9)
    belly = wide * (0.6 + 0.4 * np.sin(rise * np.pi * rng.uniform(1.0, 1.7)))
    parts = [
        Part(lathe([(float(r), float(h * tall)) for r, h in zip(belly, rise, strict=True)], 14), hard_material(rng))
    ]
    if rng.random() < 0.5:
        tips = rng.normal(0, 0.08, (5, 2))
        stems = [rod((0, tall * 0.8, 0), (float(x), tall + 0.2, float(z)), 0.006) for x, z in tips]
        green = linear((0.3, 0.45, 0.25))
        flowers = [ball((0.08, 0.07, 0.08), 8).moved(float(x), tall + 0.16, float(z)) for x, z in tips]
        bloom = any_colour(rng)
        parts += [Part(join(stems), Material(green, green)), Part(join(flowers), Material(bloom, bloom))]
    return parts


def _bowl(rng: np.random.Generator) -> list[Part]:
    wide = rng.uniform(0.08, 0.17)
    dish = lathe([(wide * 0.5, 0.0), (wide * 0.85, wide * 0.3), (wide, wide * 0.6), (wide * 0.5, wide * 0.3)], 16)
    return [Part(dish, hard_material(rng))]
