"""Chairs: four legs, armchairs, office chairs, cantilevers, stools with a back."""

from functools import partial

import numpy as np

from tellapart.demo.geometry import Array, Mesh, Point, ball, box, cushion, join, lathe, panel, rod, tube
from tellapart.demo.materials import Material, Part, hard_material, soft_material


def draw_chair(rng: np.random.Generator) -> list[Part]:
    """Build a chair at random: standing on y = 0, seen from the front along -z."""
    kinds = [_four_legs, _armchair, _swivel, _cantilever, _bar_stool]
    kind = rng.choice(len(kinds), p=[0.62, 0.09, 0.13, 0.09, 0.07])
    return kinds[kind](rng)


def _four_legs(rng: np.random.Generator) -> list[Part]:
    frame = hard_material(rng)
    width, depth, seat = rng.uniform(0.4, 0.56), rng.uniform(0.4, 0.52), rng.uniform(0.41, 0.49)
    lean = rng.uniform(0.04, 0.25)
    parts = [Part(legs((width - 0.06, seat, depth - 0.06), rng), frame)]
    parts += _seat(rng, frame, (width, seat, depth))
    back = _back(rng, width - rng.uniform(0.0, 0.06), rng.uniform(0.35, 0.62))
    parts.append(Part(back.turned(pitch=-lean).moved(y=seat, z=-depth / 2 + 0.03), frame))
    if rng.random() < 0.33:
        parts.append(Part(_arms(rng, width, seat, depth), frame))
    return parts


def legs(size: Point, rng: np.random.Generator) -> Mesh:
    """Make four legs with their tops at the corners of a frame of `size`, perhaps with stretchers."""
    width, height, depth = size
    splay = rng.choice([0.0, 0.0, 0.04, 0.09])
    thick = rng.uniform(0.013, 0.028)
    foot = thick * rng.choice([1.0, 0.6])
    sides = int(rng.choice([4, 8]))
    corners = [(x * width / 2, z * depth / 2) for x in (-1, 1) for z in (-1, 1)]
    out = 1 + 2 * splay / width, 1 + 2 * splay / depth
    feet = [(x * out[0], z * out[1]) for x, z in corners]
    pieces = [
        rod((fx, 0.0, fz), (x, height, z), foot, end_radius=thick, sides=sides)
        for (fx, fz), (x, z) in zip(feet, corners, strict=True)
    ]
    if rng.random() < 0.4:
        level = height * rng.uniform(0.25, 0.5)
        pieces += [rod((x, level, -depth / 2), (x, level, depth / 2), thick * 0.6) for x in (-width / 2, width / 2)]
        pieces.append(rod((-width / 2, level, 0.0), (width / 2, level, 0.0), thick * 0.6))
    return join(pieces)


def _seat(rng: np.random.Generator, frame: Material, size: Point) -> list[Part]:
    width, height, depth = size
    thick = rng.uniform(0.02, 0.045)
    shape = rng.choice(["board", "round", "pad"], p=[0.4, 0.15, 0.45])
    if shape == "round":
        return [Part(lathe([(width * 0.55, height - thick), (width * 0.55, height)], 20), frame)]
    parts = [Part(box(width, thick, depth).moved(y=height - thick), frame)]
    if shape == "pad":
        pad = cushion((width * 0.97, rng.uniform(0.035, 0.09), depth * 0.97), 0.03, 0.25)
        parts.append(Part(pad.moved(y=height), soft_material(rng)))
    return parts


def _back(rng: np.random.Generator, width: float, height: float) -> Mesh:
    makers = [_slats, _ladder, _board, _hoop, _cross]
    return makers[rng.choice(len(makers), p=[0.27, 0.23, 0.27, 0.13, 0.1])](rng, width, height)


def _posts(width: float, height: float, thick: float = 0.018) -> list[Mesh]:
    return [rod((x, -0.02, 0.0), (x, height, 0.0), thick, sides=4) for x in (-width / 2, width / 2)]


def _rail(width: float, low: float, high: float, arch: float) -> Mesh:
    xs = np.linspace(-width / 2, width / 2, 11)
    rise = arch * (1 - (2 * xs / width) ** 2)
    return panel(xs, high + rise, 0.022, bottoms=low + 0.6 * rise, bend=0.03)


def _slats(rng: np.random.Generator, width: float, height: float) -> Mesh:
    rail = _rail(width * 1.06, height - rng.uniform(0.05, 0.11), height, rng.choice([0.0, 0.03, 0.06]))
    inner = np.linspace(-width / 2, width / 2, rng.integers(5, 9))[1:-1]
    thick = rng.uniform(0.006, 0.014)
    sides = int(rng.choice([4, 6]))
    return join([*_posts(width, height), rail, *(rod((x, 0, 0), (x, height, 0), thick, sides=sides) for x in inner)])


def _ladder(rng: np.random.Generator, width: float, height: float) -> Mesh:
    steps = np.linspace(height * 0.3, height, rng.integers(2, 5))
    tall, arch = rng.uniform(0.04, 0.09), rng.choice([0.0, 0.025])
    return join([*_posts(width, height), *(_rail(width, y - tall, y, arch) for y in steps)])


def _board(rng: np.random.Generator, width: float, height: float) -> Mesh:
    xs = np.linspace(-width / 2, width / 2, 15)
    tops = height - rng.choice([0.0, 0.05, 0.14]) * np.abs(2 * xs / width) ** rng.choice([2, 6])
    gap = rng.choice([0.0, 0.12, 0.2]) * height
    board = panel(xs, tops, rng.uniform(0.02, 0.06), bottoms=np.full(15, gap), bend=rng.uniform(0.0, 0.1))
    return join([board, *_posts(width * 0.8, height * 0.6)]) if gap else board


def _hoop(rng: np.random.Generator, width: float, height: float) -> Mesh:
    angle = np.linspace(0, np.pi, 17)
    xs, ys = -width / 2 * np.cos(angle), height * np.sin(angle) ** rng.uniform(0.5, 0.9)
    bow = tube([(x, y, 0.0) for x, y in zip(xs, ys, strict=True)], 0.016)
    if rng.random() < 0.4:
        return join([bow, panel(xs[2:-2] * 0.93, ys[2:-2] * 0.94, 0.02)])
    return join(
        [bow, *(rod((x * 0.7, 0, 0), (x, y, 0), 0.007, sides=6) for x, y in zip(xs[3:-3:2], ys[3:-3:2], strict=True))]
    )


def _cross(rng: np.random.Generator, width: float, height: float) -> Mesh:
    low, half = height * rng.uniform(0.1, 0.3), width / 2
    bars = [rod((s * half, low, 0), (-s * half, height * 0.9, 0), 0.013, sides=4) for s in (-1, 1)]
    return join([*_posts(width, height), _rail(width * 1.05, height * 0.86, height, 0.03), *bars])


def _arms(rng: np.random.Generator, width: float, seat: float, depth: float) -> Mesh:
    rise, thick = rng.uniform(0.17, 0.25), rng.uniform(0.015, 0.028)
    reach = depth / 2 * rng.uniform(0.6, 1.0)
    pieces = []
    for x in (-width / 2, width / 2):
        pieces.append(rod((x, seat + rise, -depth / 2), (x * 1.06, seat + rise, reach), thick, sides=4))
        pieces.append(rod((x, seat - 0.03, reach - 0.05), (x * 1.05, seat + rise, reach - 0.04), thick * 0.8))
    return join(pieces)


def _armchair(rng: np.random.Generator) -> list[Part]:
    cloth, frame = soft_material(rng), hard_material(rng)
    width, depth, seat = rng.uniform(0.48, 0.6), rng.uniform(0.5, 0.62), rng.uniform(0.36, 0.45)
    arm, rise, tall = rng.uniform(0.06, 0.16), rng.uniform(0.12, 0.25), rng.uniform(0.4, 0.75)
    leg = rng.uniform(0.08, 0.2)
    outer = width + 2 * arm
    soft = partial(cushion, radius=rng.uniform(0.02, 0.07))
    back = soft((outer, tall, rng.uniform(0.1, 0.18)), puff=0.1).turned(pitch=-rng.uniform(0.05, 0.25))
    sides = [soft((arm, seat + rise - leg, depth)).moved(x=s * (width + arm) / 2, y=leg) for s in (-1, 1)]
    base = soft((width, seat - leg - 0.07, depth)).moved(y=leg)
    meshes = [back.moved(y=seat - 0.08, z=-depth / 2), base, *(sides if rng.random() < 0.75 else [])]
    parts = [Part(join(meshes), cloth), Part(legs((outer - 0.1, leg + 0.02, depth - 0.1), rng), frame)]
    pad = cushion((width * 0.98, 0.12, depth * 0.98), 0.04, 0.15).moved(y=seat - 0.08, z=0.02)
    return [*parts, Part(pad, cloth if rng.random() < 0.7 else soft_material(rng))]


def _star(arms: int, reach: float) -> list[Mesh]:
    angles: Array = np.arange(arms) * 2 * np.pi / arms + 0.3
    tips = [(reach * float(np.cos(a)), 0.05, reach * float(np.sin(a))) for a in angles]
    return [
        *(rod((0.0, 0.11, 0.0), tip, 0.025, end_radius=0.015) for tip in tips),
        *(ball((0.055, 0.055, 0.055), 8).moved(x=tip[0], z=tip[2]) for tip in tips),
    ]


def _swivel(rng: np.random.Generator) -> list[Part]:
    cloth, frame = soft_material(rng), hard_material(rng)
    seat, width = rng.uniform(0.42, 0.55), rng.uniform(0.44, 0.54)
    base = [*_star(int(rng.integers(4, 6)), rng.uniform(0.26, 0.34)), lathe([(0.03, 0.08), (0.03, seat)], 10)]
    tall = rng.uniform(0.35, 0.7)
    lift = rng.choice([0.0, 0.1, 0.16])
    xs = np.linspace(-width / 2, width / 2, 11)
    tops = tall - 0.08 * np.abs(2 * xs / width) ** 3
    back = panel(xs * 0.95, tops, 0.05, bottoms=0.04 * np.abs(2 * xs / width) ** 3, bend=0.07)
    rear = -width / 2 - 0.06
    bends = [(0.0, seat - 0.02, 0.0), (0.0, seat - 0.02, rear), (0.0, seat + lift + tall / 2, rear - 0.06)]
    pole = tube(bends, 0.02)
    parts = [
        Part(cushion((width, 0.08, width), 0.035, 0.1).moved(y=seat - 0.02), cloth),
        Part(back.turned(pitch=-0.12).moved(y=seat + lift, z=-width / 2), cloth),
        Part(join([*base, pole]), frame),
    ]
    if rng.random() < 0.55:
        parts.append(Part(_arms(rng, width + 0.06, seat + 0.03, width * 0.8), frame))
    return parts


def _cantilever(rng: np.random.Generator) -> list[Part]:
    frame, cloth = hard_material(rng), soft_material(rng)
    width, depth, seat, tall = 0.46, rng.uniform(0.42, 0.5), rng.uniform(0.42, 0.48), rng.uniform(0.36, 0.5)
    front, rear, slope = depth / 2, -depth / 2, -rng.uniform(0.06, 0.16)
    path = [
        (rear, 0.02), (front - 0.04, 0.02), (front, 0.06), (front, seat - 0.06), (front - 0.05, seat),
        (rear + 0.05, seat), (rear, seat + 0.06), (rear + slope, seat + tall),
    ]  # fmt: skip
    rails = [tube([(x, y, z) for z, y in path], 0.014) for x in (-width / 2, width / 2)]
    foot = rod((-width / 2, 0.02, rear), (width / 2, 0.02, rear), 0.014)
    back = cushion((width, tall * rng.uniform(0.5, 0.85), 0.04), 0.018).turned(pitch=slope / tall)
    return [
        Part(join([*rails, foot]), frame),
        Part(cushion((width, 0.05, depth), 0.02).moved(y=seat), cloth),
        Part(back.moved(y=seat + 0.12, z=rear + slope * 0.3), cloth),
    ]


def _bar_stool(rng: np.random.Generator) -> list[Part]:
    frame = hard_material(rng)
    seat, width = rng.uniform(0.6, 0.76), rng.uniform(0.34, 0.42)
    under = legs((width * 0.7, seat, width * 0.7), rng)
    if rng.random() < 0.4:
        under = lathe([(0.21, 0.0), (0.2, 0.02), (0.03, 0.04), (0.03, seat)], 14)
    back = _back(rng, width, rng.uniform(0.18, 0.36)).moved(y=seat, z=-width / 2 + 0.02)
    return [Part(join([under, back]), frame), *_seat(rng, frame, (width, seat, width))]
