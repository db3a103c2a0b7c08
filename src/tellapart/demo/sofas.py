"""Sofas: two and three seats, with or without arms, L-shaped, on legs or to the floor."""

import numpy as np

from tellapart.demo.chairs import legs
from tellapart.demo.geometry import Mesh, ball, box, cushion, join, lathe, panel, tube
from tellapart.demo.materials import Material, Part, hard_material, soft_material


def draw_sofa(rng: np.random.Generator) -> list[Part]:
    """Build a sofa at random: standing on y = 0, seen from the front along -z."""
    cloth = soft_material(rng)
    seats = int(rng.choice([2, 3], p=[0.4, 0.6]))
    width, depth = seats * rng.uniform(0.58, 0.76), rng.uniform(0.6, 0.8)
    leg, seat = rng.uniform(0.03, 0.17), rng.uniform(0.36, 0.46)
    arm = rng.uniform(0.07, 0.24)
    size = (width, seat, depth)
    base = cushion((width, seat - leg - 0.1, depth), 0.03).moved(y=leg)
    parts = [Part(base, cloth), *_feet(rng, width + 2 * arm, leg, depth)]
    parts += _seat_cushions(rng, cloth, seats, size)
    parts += _backrest(rng, cloth, seats, size)
    if rng.random() < 0.92:
        parts += _armrests(rng, cloth, (arm, leg), size)
    if rng.random() < 0.22:
        parts += _corner(rng, cloth, size, leg)
    return parts + _throw_pillows(rng, size)


def _feet(rng: np.random.Generator, width: float, leg: float, depth: float) -> list[Part]:
    frame = hard_material(rng)
    if leg < 0.07:
        return [Part(box(width - 0.06, leg + 0.01, depth - 0.06), frame)]
    if rng.random() < 0.6:
        return [Part(legs((width - 0.14, leg + 0.02, depth - 0.1), rng), frame)]
    block = lathe([(0.03, 0.0), (0.045, leg + 0.02)], 8)
    spots = [(x * (width / 2 - 0.08), z * (depth / 2 - 0.06)) for x in (-1, 1) for z in (-1, 1)]
    return [Part(join([block.moved(x=x, z=z) for x, z in spots]), frame)]


def _seat_cushions(
    rng: np.random.Generator, cloth: Material, seats: int, size: tuple[float, float, float]
) -> list[Part]:
    width, seat, depth = size
    pieces = int(rng.choice([1, seats], p=[0.25, 0.75]))
    each, thick = width / pieces, rng.uniform(0.11, 0.17)
    pad = cushion((each * 0.985, thick, depth), rng.uniform(0.025, 0.05), rng.uniform(0.0, 0.12))
    spots = (np.arange(pieces) - (pieces - 1) / 2) * each
    return [Part(join([pad.moved(x=float(x), y=seat - 0.1, z=0.03) for x in spots]), cloth)]


def _backrest(rng: np.random.Generator, cloth: Material, seats: int, size: tuple[float, float, float]) -> list[Part]:
    width, seat, depth = size
    tall, lean = rng.uniform(0.32, 0.55), rng.uniform(0.05, 0.22)
    kind = rng.choice(["block", "cushions", "camel", "frame"], p=[0.3, 0.36, 0.18, 0.16])
    if kind == "block":
        back = cushion((width, tall + 0.2, 0.17), 0.05, 0.05).turned(pitch=-lean)
        return [Part(back.moved(y=seat - 0.2, z=-depth / 2), cloth)]
    if kind == "camel":
        xs = np.linspace(-width / 2, width / 2, 19)
        tops = 0.2 + tall * (0.72 + 0.28 * np.cos(xs / width * np.pi * rng.choice([1.0, 2.0])))
        back = panel(xs, tops, 0.14, bend=rng.choice([0.0, 0.15])).turned(pitch=-lean)
        return [Part(back.moved(y=seat - 0.2, z=-depth / 2), cloth)]
    each = width / seats
    pad = cushion((each * 0.97, tall, 0.16), 0.05, 0.3).turned(pitch=-lean - 0.08)
    spots = (np.arange(seats) - (seats - 1) / 2) * each
    pads = join([pad.moved(x=float(x), y=seat + 0.02, z=-depth / 2 + 0.14) for x in spots])
    if kind == "frame":
        rail = tube([(-width / 2, 0, 0), (-width / 2, tall, 0), (width / 2, tall, 0), (width / 2, 0, 0)], 0.02)
        return [Part(pads, cloth), Part(rail.moved(y=seat - 0.1, z=-depth / 2), hard_material(rng))]
    wall = cushion((width, tall * 0.85 + 0.2, 0.12), 0.04).moved(y=seat - 0.2, z=-depth / 2)
    return [Part(pads, cloth if rng.random() < 0.7 else soft_material(rng)), Part(wall, cloth)]


def _armrests(
    rng: np.random.Generator, cloth: Material, shape: tuple[float, float], size: tuple[float, float, float]
) -> list[Part]:
    (arm, leg), (width, seat, depth) = shape, size
    rise, long = rng.uniform(0.08, 0.28), depth + 0.05
    kind = rng.choice(["block", "roll", "pad", "frame"], p=[0.4, 0.25, 0.2, 0.15])
    wall = cushion((arm, seat + rise - leg, long), min(0.05, arm * 0.4)).moved(y=leg)
    material = cloth
    if kind == "roll":
        roll = lathe([(arm * 0.62, 0.0), (arm * 0.62, long)], 14).turned(pitch=np.pi / 2)
        thin = cushion((arm * 0.7, seat + rise - leg, long - 0.02), 0.03).moved(y=leg)
        wall = join([thin, roll.moved(y=seat + rise - arm * 0.2, z=-long / 2)])
    elif kind == "pad":
        wall = join([wall, cushion((arm * 1.2, 0.07, long), 0.03).moved(y=seat + rise - 0.02)])
    elif kind == "frame":
        high, half = seat + rise, long / 2 - 0.04
        wall = tube([(0, leg, -half), (0, high, -half), (0, high, half), (0, leg, half)], 0.022)
        material = hard_material(rng)
    both = [wall.moved(x=s * (width + arm) / 2, z=0.02) for s in (-1, 1)]
    return [Part(join(both), material)]


def _corner(rng: np.random.Generator, cloth: Material, size: tuple[float, float, float], leg: float) -> list[Part]:
    width, seat, depth = size
    side = rng.choice([-1, 1])
    long, wide = rng.uniform(0.5, 0.9), width / 3 if width > 1.6 else width / 2
    at = side * (width - wide) / 2
    low = cushion((wide, seat - leg - 0.1, long), 0.03).moved(x=at, y=leg, z=depth / 2 + long / 2)
    pad = cushion((wide * 0.98, 0.13, long), 0.035).moved(x=at, y=seat - 0.1, z=depth / 2 + long / 2 + 0.03)
    return [Part(join([low, pad]), cloth)]


def _throw_pillows(rng: np.random.Generator, size: tuple[float, float, float]) -> list[Part]:
    width, seat, depth = size
    parts = []
    for _ in range(rng.choice([0, 1, 2], p=[0.4, 0.35, 0.25])):
        wide = rng.uniform(0.3, 0.4)
        pillow: Mesh = cushion((wide, wide, 0.12), 0.055, 0.25)
        if rng.random() < 0.12:
            pillow = ball((0.6, 0.16, 0.16))
        leant = pillow.turned(yaw=rng.uniform(-0.5, 0.5), pitch=-rng.uniform(0.2, 0.5), roll=rng.uniform(-0.2, 0.2))
        at = rng.uniform(-0.5, 0.5) * (width - wide)
        parts.append(Part(leant.moved(x=at, y=seat + 0.05, z=-depth / 2 + 0.34), soft_material(rng)))
    return parts
