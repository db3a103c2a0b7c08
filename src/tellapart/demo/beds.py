"""Beds: single and double, with boards of many shapes, four-posters, bunks, day beds."""

import numpy as np

from tellapart.demo.geometry import Mesh, Point, box, cushion, join, lathe, panel, rod, tube
from tellapart.demo.materials import Material, Part, hard_material, soft_material


def draw_bed(rng: np.random.Generator) -> list[Part]:
    """Build a bed at random: standing on y = 0, its head at -z."""
    frame, sheet = hard_material(rng), soft_material(rng)
    size = (float(rng.choice([0.9, 1.2, 1.6])), rng.uniform(0.26, 0.46), rng.uniform(1.85, 2.05))
    kind = rng.choice(["plain", "posts", "bunk"], p=[0.87, 0.07, 0.06])
    if kind == "bunk":
        size = (0.9, 0.3, size[2])
    parts = [*_base(rng, frame, size), *_bedding(rng, sheet, size)]
    if kind == "bunk":
        above = [*_slab(frame, size), *_bedding(rng, sheet, size)]
        lift = rng.uniform(0.75, 0.95)
        parts += [Part(part.mesh.moved(y=lift), part.material) for part in above]
        return [*parts, Part(_bunk_posts(size, lift), frame)]
    parts += _boards(rng, frame, size)
    if kind == "posts":
        parts.append(Part(_canopy(rng, size), frame))
    return parts


def _slab(frame: Material, size: Point) -> list[Part]:
    width, top, long = size
    rails = [box(0.035, 0.14, long).moved(x=s * width / 2, y=top - 0.14) for s in (-1, 1)]
    rails += [box(width, 0.14, 0.035).moved(y=top - 0.14, z=s * long / 2) for s in (-1, 1)]
    return [Part(join([*rails, box(width, 0.05, long).moved(y=top - 0.08)]), frame)]


def _base(rng: np.random.Generator, frame: Material, size: Point) -> list[Part]:
    width, top, long = size
    kind = rng.choice(["legs", "box", "drawers"], p=[0.6, 0.25, 0.15])
    if kind == "legs":
        leg = lathe([(rng.uniform(0.018, 0.04), 0.0), (0.04, top - 0.05)], int(rng.choice([4, 10])))
        spots = [(x * (width / 2 - 0.05), z * (long / 2 - 0.06)) for x in (-1, 1) for z in (-1, 1)]
        return [*_slab(frame, size), Part(join([leg.moved(x=x, z=z) for x, z in spots]), frame)]
    chest = box(width, top - 0.03, long).moved(y=0.03)
    parts = [Part(chest, frame), Part(box(width - 0.1, 0.03, long - 0.1), frame)]
    if kind == "drawers":
        front = box(0.02, top * 0.55, long * 0.42)
        fronts = [front.moved(x=s * width / 2, y=top * 0.25, z=z * long / 4) for s in (-1, 1) for z in (-1, 1)]
        parts.append(Part(join(fronts), hard_material(rng)))
    return parts


def _bedding(rng: np.random.Generator, sheet: Material, size: Point) -> list[Part]:
    width, top, long = size
    thick = rng.uniform(0.14, 0.26)
    mattress = cushion((width - 0.02, thick, long - 0.03), 0.05).moved(y=top - 0.04)
    level = top - 0.04 + thick
    return [Part(mattress, sheet), *_pillows(rng, sheet, size, level), *_blanket(rng, size, (level, thick))]


def _pillows(rng: np.random.Generator, sheet: Material, size: Point, level: float) -> list[Part]:
    width, _, long = size
    n_pillows = 1 if width < 1.0 else 2
    if rng.random() < 0.04:
        return []
    cloth = sheet if rng.random() < 0.3 else soft_material(rng)
    each = min(0.72, (width - 0.1) / n_pillows)
    pillow = cushion((each, 0.15, 0.42), 0.07, 0.3)
    tilt = rng.choice([0.1, 0.1, 0.7])
    spots = (np.arange(n_pillows) - (n_pillows - 1) / 2) * (each + 0.05)
    placed = [
        pillow.turned(pitch=tilt, yaw=rng.normal(0, 0.08)).moved(float(x), level - 0.01, -long / 2 + 0.3) for x in spots
    ]
    parts = [Part(join(placed), cloth)]
    if rng.random() < 0.3:
        small = cushion((0.4, 0.36, 0.12), 0.055, 0.4).turned(pitch=-0.6)
        parts.append(Part(small.moved(y=level, z=-long / 2 + 0.55), soft_material(rng)))
    return parts


def _blanket(rng: np.random.Generator, size: Point, lie: tuple[float, float]) -> list[Part]:
    (width, _, long), (level, thick) = size, lie
    cloth = soft_material(rng)
    kind = rng.choice(["spread", "foot", "none"], p=[0.66, 0.2, 0.14])
    if kind == "none":
        return []
    share = rng.uniform(0.55, 0.78) if kind == "spread" else rng.uniform(0.2, 0.35)
    hang = rng.uniform(0.4, 1.5) * thick
    cover = cushion((width + 0.05, hang + 0.04, long * share), 0.035, 0.03)
    parts = [Part(cover.moved(y=level - hang, z=long / 2 - long * share / 2 + 0.01), cloth)]
    if kind == "spread" and rng.random() < 0.5:
        fold = cushion((width + 0.06, 0.07, 0.24), 0.03).moved(y=level, z=long / 2 - long * share)
        parts.append(Part(fold, soft_material(rng)))
    return parts


def _boards(rng: np.random.Generator, frame: Material, size: Point) -> list[Part]:
    width, top, long = size
    parts = []
    if rng.random() < 0.95:
        head, cloth = _board(rng, width, top + rng.uniform(0.35, 0.85))
        parts.append(Part(head.moved(z=-long / 2 - 0.03), soft_material(rng) if cloth else frame))
    if rng.random() < 0.4:
        foot, _ = _board(rng, width, top + rng.uniform(0.05, 0.4))
        parts.append(Part(foot.moved(z=long / 2 + 0.03), frame))
    if not parts or rng.random() < 0.08:
        side = box(0.04, rng.uniform(0.3, 0.5), long).moved(x=-width / 2 - 0.02, y=top)
        parts.append(Part(side, frame))
    return parts


def _board(rng: np.random.Generator, width: float, height: float) -> tuple[Mesh, bool]:
    """Make a board for the head or foot, and tell whether it is upholstered."""
    kind = rng.choice(["panel", "bars", "slats", "pipe", "padded"], p=[0.38, 0.18, 0.14, 0.14, 0.16])
    wide = width + 0.06
    posts = [box(0.06, height, 0.06).moved(x=s * wide / 2) for s in (-1, 1)]
    if kind == "panel":
        xs = np.linspace(-wide / 2, wide / 2, 21)
        wave = rng.choice([0.0, 1.0, 3.0])
        tops = height * (0.84 + 0.16 * np.cos(wave * np.pi * xs / wide))
        return panel(xs, tops, 0.05), False
    if kind == "padded":
        return cushion((wide, height, 0.1), 0.045, 0.06), True
    if kind == "pipe":
        shoulder = height - 0.12
        angle = np.linspace(0, np.pi, 11)
        arch = [(-wide / 2 * float(np.cos(a)), shoulder + 0.12 * float(np.sin(a)), 0.0) for a in angle]
        bow = tube([(-wide / 2, 0, 0), *arch, (wide / 2, 0, 0)], 0.022)
        bars = [rod((x, 0.2, 0), (x, shoulder + 0.08, 0), 0.01, sides=6) for x in np.linspace(-0.35, 0.35, 6) * wide]
        return join([bow, *bars]), False
    if kind == "bars":
        bars = [rod((x, 0.15, 0), (x, height - 0.03, 0), 0.014, sides=6) for x in np.linspace(-0.44, 0.44, 8) * wide]
        return join([*posts, *bars, box(wide, 0.08, 0.05).moved(y=height - 0.08)]), False
    steps = np.arange(height - 0.1, 0.2, -rng.uniform(0.14, 0.2))
    return join([*posts, *(box(wide, 0.09, 0.03).moved(y=float(y)) for y in steps)]), False


def _canopy(rng: np.random.Generator, size: Point) -> Mesh:
    width, _, long = size
    high, thick = rng.uniform(1.5, 1.9), rng.uniform(0.02, 0.04)
    x, z = width / 2 + 0.03, long / 2 + 0.03
    posts = [rod((s * x, 0, t * z), (s * x, high, t * z), thick, sides=4) for s in (-1, 1) for t in (-1, 1)]
    beams = [rod((-x, high, t * z), (x, high, t * z), thick, sides=4) for t in (-1, 1)]
    beams += [rod((s * x, high, -z), (s * x, high, z), thick, sides=4) for s in (-1, 1)]
    return join(posts + beams)


def _bunk_posts(size: Point, lift: float) -> Mesh:
    width, top, long = size
    high = top + lift + 0.4
    x, z = width / 2, long / 2
    posts = [box(0.06, high, 0.06).moved(x=s * x, z=t * z) for s in (-1, 1) for t in (-1, 1)]
    guard = [box(0.03, 0.08, long).moved(x=s * x, y=high - 0.12) for s in (-1, 1)]
    steps = [rod((x + 0.03, y, z - 0.45), (x + 0.03, y, z - 0.1), 0.015) for y in np.arange(0.25, high - 0.2, 0.25)]
    rails = [rod((x + 0.03, 0, z - d), (x + 0.03, high - 0.1, z - d), 0.018) for d in (0.45, 0.1)]
    ends = [box(width, 0.09, 0.03).moved(y=y, z=s * z) for s in (-1, 1) for y in (high - 0.12, top + 0.15)]
    return join([*posts, *guard, *steps, *rails, *ends])
