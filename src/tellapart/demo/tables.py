"""Tables: dining and coffee tables, desks, pedestals, trestles."""

import numpy as np

from tellapart.demo.chairs import legs
from tellapart.demo.geometry import Mesh, Point, box, join, lathe, panel, rod, tube
from tellapart.demo.materials import Part, hard_material


def draw_table(rng: np.random.Generator) -> list[Part]:
    """Build a table at random: standing on y = 0, its long side to the front."""
    height = rng.uniform(0.36, 0.5) if rng.random() < 0.38 else rng.uniform(0.68, 0.8)
    low = height < 0.6
    thick = rng.uniform(0.018, 0.055)
    if rng.random() < 0.3:
        return _round_table(rng, height, thick, rng.uniform(0.35, 0.62))
    width = rng.uniform(0.8, 1.3) if low else rng.uniform(0.9, 1.9)
    depth = rng.uniform(0.5, 0.7) if low else rng.uniform(0.6, 0.95)
    size = (width, height, depth)
    wood = hard_material(rng)
    under = _underneath(rng, (width - 0.1, height - thick, depth - 0.1))
    board = _top(rng, size, thick)
    parts = [Part(board, wood), Part(under, wood if rng.random() < 0.6 else hard_material(rng))]
    return parts + _extras(rng, size, thick)


def _top(rng: np.random.Generator, size: Point, thick: float) -> Mesh:
    width, height, depth = size
    if rng.random() < 0.72:
        return box(width, thick, depth).moved(y=height - thick)
    # A power of 2 is an oval, higher powers are rectangles with ever tighter corners.
    power = rng.choice([2.0, 2.6, 5.0])
    xs = width / 2 * np.sin(np.linspace(-np.pi / 2, np.pi / 2, 19))
    rim = depth / 2 * (1 - np.abs(2 * xs / width) ** power).clip(0) ** (1 / power)
    return panel(xs, rim, thick, bottoms=-rim).turned(pitch=-np.pi / 2).moved(y=height - thick / 2)


def _underneath(rng: np.random.Generator, size: Point) -> Mesh:
    makers = [_four_legs, _trestles, _pedestal, _side_boards, _hairpins]
    return makers[rng.choice(len(makers), p=[0.52, 0.15, 0.1, 0.12, 0.11])](rng, size)


def _four_legs(rng: np.random.Generator, size: Point) -> Mesh:
    width, height, depth = size
    apron = rng.uniform(0.05, 0.12)
    skirt = [box(width, apron, 0.02).moved(y=height - apron, z=s * depth / 2) for s in (-1, 1)]
    skirt += [box(0.02, apron, depth).moved(x=s * width / 2, y=height - apron) for s in (-1, 1)]
    shown = skirt if rng.random() < 0.6 else []
    if rng.random() < 0.5:
        return join([legs(size, rng), *shown])
    thick, foot = rng.uniform(0.05, 0.09), rng.uniform(0.5, 1.0)
    post = box(thick * foot, height, thick * foot, top=1 / foot)
    corners = [(x * width / 2, z * depth / 2) for x in (-1, 1) for z in (-1, 1)]
    return join([*(post.moved(x=x, z=z) for x, z in corners), *shown])


def _trestles(rng: np.random.Generator, size: Point) -> Mesh:
    width, height, depth = size
    thick = rng.uniform(0.02, 0.035)
    spread = depth / 2 * rng.uniform(0.8, 1.0)
    narrow = spread * rng.choice([0.15, -1.0])
    at = width * rng.uniform(0.33, 0.42)
    pieces = [rod((x, 0.0, s * spread), (x, height, s * narrow), thick, sides=4) for x in (-at, at) for s in (-1, 1)]
    pieces.append(rod((-at, height * 0.45, 0.0), (at, height * 0.45, 0.0), thick * 0.8, sides=4))
    return join(pieces)


def _pedestal(rng: np.random.Generator, size: Point) -> Mesh:
    width, height, depth = size
    at = width * rng.uniform(0.22, 0.3)
    foot = box(0.1, 0.06, depth * 0.8)
    column = box(0.09, height, rng.uniform(0.09, 0.3))
    return join([piece.moved(x=x) for x in (-at, at) for piece in (foot, column)])


def _side_boards(rng: np.random.Generator, size: Point) -> Mesh:
    width, height, depth = size
    thick = rng.uniform(0.025, 0.06)
    boards = [box(thick, height, depth).moved(x=s * width / 2) for s in (-1, 1)]
    if rng.random() < 0.5:
        boards.append(box(width, height * 0.4, 0.02).moved(y=height * 0.5, z=-depth * 0.3))
    return join(boards)


def _hairpins(rng: np.random.Generator, size: Point) -> Mesh:
    width, height, depth = size
    wide, thick = rng.uniform(0.03, 0.06), rng.uniform(0.008, 0.014)
    pin = tube([(-wide, height, 0), (-wide * 0.3, 0.02, 0), (wide * 0.3, 0.02, 0), (wide, height, 0)], thick, 6)
    corners = [(x * width / 2, z * depth / 2) for x in (-1, 1) for z in (-1, 1)]
    return join([pin.turned(yaw=0.8 * x * z).moved(x=x, z=z) for x, z in corners])


def _extras(rng: np.random.Generator, size: Point, thick: float) -> list[Part]:
    width, height, depth = size
    parts = []
    if rng.random() < 0.2:
        level = height * rng.uniform(0.2, 0.45)
        parts.append(Part(box(width - 0.12, 0.02, depth - 0.12).moved(y=level), hard_material(rng)))
    if height > 0.6 and rng.random() < 0.2:
        tall = rng.uniform(0.12, height - thick)
        chest = box(width * 0.28, tall, depth * 0.85).moved(x=width * 0.32, y=height - thick - tall)
        knobs = box(0.08, 0.02, 0.02).moved(x=width * 0.32, y=height - thick - tall / 2, z=depth * 0.43)
        parts += [Part(chest, hard_material(rng)), Part(knobs, hard_material(rng))]
    return parts


def _round_table(rng: np.random.Generator, height: float, thick: float, radius: float) -> list[Part]:
    wood = hard_material(rng)
    edge = height - thick
    board = lathe([(radius * 0.97, edge), (radius, edge + thick * 0.4), (radius, height)], 28)
    kind = rng.choice(["three", "four", "column", "drum"], p=[0.3, 0.25, 0.35, 0.1])
    if kind == "column":
        stem, foot = rng.uniform(0.03, 0.07), radius * rng.uniform(0.5, 0.75)
        profile = [(foot, 0.0), (foot * 0.9, 0.03), (stem * 1.3, 0.07), (stem, edge * 0.5), (stem * 1.6, edge)]
        under = lathe(profile, 16)
    elif kind == "drum":
        under = lathe([(radius * 0.6, 0.0), (radius * rng.uniform(0.4, 0.8), edge)], 20)
    else:
        under = _ring_of_legs(rng, 3 if kind == "three" else 4, edge, radius)
    return [Part(board, wood), Part(under, wood if rng.random() < 0.6 else hard_material(rng))]


def _ring_of_legs(rng: np.random.Generator, n_legs: int, height: float, radius: float) -> Mesh:
    foot, head, thick = radius * rng.uniform(0.6, 0.95), radius * rng.uniform(0.35, 0.75), rng.uniform(0.015, 0.03)
    angles = np.arange(n_legs) * 2 * np.pi / n_legs + rng.uniform(0, 2)
    spots = [(float(np.cos(a)), float(np.sin(a))) for a in angles]
    return join(
        [rod((foot * x, 0, foot * z), (head * x, height, head * z), thick * 0.8, end_radius=thick) for x, z in spots]
    )
