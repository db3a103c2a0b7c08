"""Solids as triangles: boxes, cushions, turned legs, bent tubes, cut-out panels.

Metres; x to the right, y up, z towards the viewer who stands in front. Each
solid is made around the origin and then moved and turned into its place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Point: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True)
class Mesh:
    """Triangles: their corners, the normal at each corner, and where a texture is read.

    All three are of shape (triangles, 3 corners, 3 axes). The normals point outwards,
    and the corners of a triangle run anticlockwise when seen from outside.
    """

    corners: Array
    normals: Array
    texture: Array

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> "Mesh":
        """Shift the mesh; its texture goes along."""
        return Mesh(self.corners + np.array((x, y, z)), self.normals, self.texture)

    def turned(self, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> "Mesh":
        """Turn by radians about the origin: roll about z first, then pitch about x, then yaw about y."""
        matrix = rotation(yaw, pitch, roll)
        return Mesh(self.corners @ matrix.T, self.normals @ matrix.T, self.texture)


def rotation(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Array:
    """Give the (3, 3) matrix that rolls about z, then pitches about x, then yaws about y."""
    (cy, cp, cr), (sy, sp, sr) = np.cos((yaw, pitch, roll)), np.sin((yaw, pitch, roll))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)


def join(meshes: Iterable[Mesh]) -> Mesh:
    """Make one mesh of several."""
    several = list(meshes)
    return Mesh(
        np.concatenate([mesh.corners for mesh in several]),
        np.concatenate([mesh.normals for mesh in several]),
        np.concatenate([mesh.texture for mesh in several]),
    )


def dot(u: Array, v: Array) -> Array:
    """Give the scalar products of (..., 3) vectors."""
    # Three long products are several times faster than a sum over a short last axis.
    return np.asarray(u[..., 0] * v[..., 0] + u[..., 1] * v[..., 1] + u[..., 2] * v[..., 2])


def unit(vectors: Array) -> Array:
    """Scale (..., 3) vectors to length 1; a zero vector stays zero."""
    lengths = np.sqrt(dot(vectors, vectors))[..., None]
    return np.asarray(vectors / np.maximum(lengths, 1e-12))


def _with_grain(corners: Array, normals: Array) -> Mesh:
    # Wood grows along its longest side, so the first texture axis follows that one.
    extent = np.ptp(corners.reshape(-1, 3), axis=0)
    order = np.argsort(-extent, kind="stable")
    return Mesh(corners, normals, corners[..., order])


def _facing(corners: Array, normals: Array) -> Mesh:
    """Order the corners of each triangle so that it faces where its normals point."""
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    wrong = (across * normals.sum(axis=1)).sum(axis=1) < 0
    corners[wrong] = corners[wrong][:, ::-1]
    normals[wrong] = normals[wrong][:, ::-1]
    return _with_grain(corners, normals)


def _quads(a: Array, b: Array, c: Array, d: Array) -> Array:
    """Cut quadrilaterals a-b-c-d of shape (n, 3) each into (2n, 3, 3) triangles."""
    return np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def _sheet(points: Array, normals: Array) -> tuple[Array, Array]:
    """Cut a grid of points of shape (rows, columns, 3), with normals, into triangles."""
    cut = [
        _quads(*(side.reshape(-1, 3) for side in (g[:-1, :-1], g[1:, :-1], g[1:, 1:], g[:-1, 1:])))
        for g in (points, normals)
    ]
    return cut[0], cut[1]


def flat(corners: Array, inside: Point | None = None) -> Mesh:
    """Make a mesh of flat facets.

    Args:
        corners: (triangles, 3, 3); anticlockwise from outside unless `inside` is given.
        inside: A point that all facets face away from.
    """
    across = unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
    if inside is not None:
        outwards = corners.mean(axis=1) - np.array(inside)
        across = across * np.where((across * outwards).sum(axis=1) < 0, -1.0, 1.0)[:, None]
    return _facing(corners.copy(), np.repeat(across[:, None], 3, axis=1))


_FACES = np.array([(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (0, 2, 6, 4), (1, 3, 7, 5)], dtype=np.intp)


def box(width: float, height: float, depth: float, *, top: float = 1.0) -> Mesh:
    """Make a box that stands on y = 0, centred in x and z; `top` scales its upper face."""
    corner = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (0.0, 1.0) for z in (-0.5, 0.5)])
    corner = corner * np.array((width, height, depth))
    corner[corner[:, 1] > 0] *= np.array((top, 1.0, top))
    a, b, c, d = (corner[_FACES[:, i]] for i in range(4))
    return flat(_quads(a, b, c, d), inside=(0.0, height / 2, 0.0))


def cushion(size: Point, radius: float = 0.05, puff: float = 0.0) -> Mesh:
    """Make a box of `size` with round edges that stands on y = 0; `puff` swells it, as a share of its size."""
    half = np.array(size) / 2
    radius = min(radius, float(half.min()) * 0.98)
    corners = np.concatenate([_soft_face(axis, sign, half, radius) for axis in range(3) for sign in (-1, 1)])
    inner = np.clip(corners, -(half - radius), half - radius)
    normals = unit(corners - inner)
    corners = inner + radius * normals
    share = corners / half
    swell = 1 + puff * (1 - share[..., [1, 2, 0]] ** 2) * (1 - share[..., [2, 0, 1]] ** 2)
    normals = unit(normals + puff * share * np.abs(share))
    return _facing(corners * swell, normals).moved(y=float(half[1]))


def _soft_face(axis: int, sign: int, half: Array, radius: float) -> Array:
    u_axis, v_axis = (axis + 1) % 3, (axis + 2) % 3
    lines = [
        np.array((-h, -h + 0.4 * radius, -h + radius, 0.0, h - radius, h - 0.4 * radius, h))
        for h in (half[u_axis], half[v_axis])
    ]
    grid = np.empty((7, 7, 3))
    grid[..., axis] = sign * half[axis]
    grid[..., u_axis] = lines[0][:, None]
    grid[..., v_axis] = lines[1][None, :]
    return _sheet(grid, grid)[0]


def lathe(profile: Sequence[tuple[float, float]], sides: int = 12) -> Mesh:
    """Turn a profile of (radius, height) pairs, from the bottom up, about the y axis.

    Ends of radius above 0 are closed by a flat lid.
    """
    rings = [(0.0, profile[0][1]), *profile, (0.0, profile[-1][1])]
    angle = np.linspace(0.0, 2 * np.pi, sides + 1)
    around = np.stack([np.cos(angle), np.zeros_like(angle), np.sin(angle)], axis=1)
    up = np.array((0.0, 1.0, 0.0))
    corners, normals = [], []
    for (r0, y0), (r1, y1) in pairwise(rings):
        if (r0, y0) == (r1, y1):
            continue
        normal = unit((y1 - y0) * around - (r1 - r0) * up)
        grid = np.stack([r0 * around + y0 * up, r1 * around + y1 * up])
        band = _sheet(grid, np.stack([normal, normal]))
        corners.append(band[0])
        normals.append(band[1])
    return _facing(np.concatenate(corners), np.concatenate(normals))


def ball(size: Point, sides: int = 12) -> Mesh:
    """Make an ellipsoid of `size` that stands on y = 0."""
    half = np.array(size) / 2
    tall, around = np.meshgrid(
        np.linspace(-np.pi / 2, np.pi / 2, sides // 2 + 1),
        np.linspace(0.0, 2 * np.pi, sides + 1),
        indexing="ij",
    )
    globe = np.stack([np.cos(tall) * np.cos(around), np.sin(tall), np.cos(tall) * np.sin(around)], axis=-1)
    corners, normals = _sheet(globe * half, unit(globe / half))
    return _facing(corners, normals).moved(y=float(half[1]))


def rod(start: Point, end: Point, radius: float, *, end_radius: float | None = None, sides: int = 8) -> Mesh:
    """Make a straight bar between two points; 4 `sides` make a square one with flat faces."""
    a, b = np.array(start), np.array(end)
    last = radius if end_radius is None else end_radius
    across, over = _frame(b - a)
    angle = np.linspace(0.0, 2 * np.pi, sides + 1) + np.pi / sides
    round_about = np.cos(angle)[:, None] * across + np.sin(angle)[:, None] * over
    low, high = a + radius * round_about, b + last * round_about
    lids = [np.stack([np.broadcast_to(p, q[:-1].shape), q[:-1], q[1:]], axis=1) for p, q in ((a, low), (b, high))]
    middle = (a + b) / 2
    ends = flat(np.concatenate(lids), inside=(middle[0], middle[1], middle[2]))
    if sides == 4:
        walls = _quads(low[:-1], low[1:], high[1:], high[:-1])
        side = flat(walls, inside=(middle[0], middle[1], middle[2]))
    else:
        side = _facing(*_sheet(np.stack([low, high]), np.stack([round_about, round_about])))
    return _with_grain(*(np.concatenate(pair) for pair in zip(_bare(side), _bare(ends), strict=True)))


def _bare(mesh: Mesh) -> tuple[Array, Array]:
    return mesh.corners, mesh.normals


def _frame(along: Array) -> tuple[Array, Array]:
    """Give two unit vectors square to `along` and to each other."""
    along = unit(along)
    helper = np.array((1.0, 0.0, 0.0)) if abs(along[1]) > 0.7 else np.array((0.0, 1.0, 0.0))
    across = unit(np.cross(along, helper))
    return across, np.cross(across, along)


def tube(path: Sequence[Point], radius: float, sides: int = 8) -> Mesh:
    """Make a round tube along a path that bends in one plane."""
    points = np.array(path)
    steps = unit(np.gradient(points, axis=0))
    plane = np.linalg.svd(points - points.mean(axis=0))[2][-1]
    over = unit(np.cross(np.broadcast_to(plane, steps.shape), steps))
    angle = np.linspace(0.0, 2 * np.pi, sides + 1)[None, :, None]
    ring = np.cos(angle) * over[:, None] + np.sin(angle) * plane
    return _facing(*_sheet(points[:, None] + radius * ring, ring))


def panel(xs: Array, tops: Array, thickness: float, *, bottoms: Array | None = None, bend: float = 0.0) -> Mesh:
    """Saw a panel out along a curve.

    Args:
        xs: Where the columns of the panel begin and end, rising.
        tops: Height of the upper edge at each of `xs`.
        thickness: In z.
        bottoms: Height of the lower edge, 0 by default.
        bend: How far the outer columns come forward, in metres.
    """
    low = np.zeros_like(tops) if bottoms is None else bottoms
    wide = max(float(np.abs(xs).max()), 1e-9)
    back = bend * (xs / wide) ** 2 - thickness / 2
    edge = {
        (side, face): np.stack([xs, ys, back + face * thickness], axis=1)
        for side, ys in (("top", tops), ("low", low))
        for face in (0, 1)
    }
    front, rear = (edge["low", 1], edge["top", 1]), (edge["low", 0], edge["top", 0])
    loops = [
        (front[0][:-1], front[0][1:], front[1][1:], front[1][:-1]),
        (rear[0][1:], rear[0][:-1], rear[1][:-1], rear[1][1:]),
        (front[1][:-1], front[1][1:], rear[1][1:], rear[1][:-1]),
        (rear[0][:-1], rear[0][1:], front[0][1:], front[0][:-1]),
        (front[0][-1:], rear[0][-1:], rear[1][-1:], front[1][-1:]),
        (rear[0][:1], front[0][:1], front[1][:1], rear[1][:1]),
    ]
    return flat(np.concatenate([_quads(*loop) for loop in loops]))
