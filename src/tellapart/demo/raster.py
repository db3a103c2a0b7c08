"""Which triangle is seen at each pixel: a z-buffer over all triangles at once."""

from dataclasses import dataclass

import numpy as np

from tellapart.demo.geometry import Array


@dataclass(frozen=True)
class Seen:
    """What was hit, one entry for each covered pixel.

    Attributes:
        pixel: Index into the image, row by row.
        triangle: Index of the nearest triangle there.
        weights: (pixels, 3) shares of its three corners, linear on the screen.
        nearness: The interpolated nearness.
    """

    pixel: Array
    triangle: Array
    weights: Array
    nearness: Array


def rasterise(corners: Array, nearness: Array, width: int, height: int) -> Seen:
    """Find the nearest triangle at the centre of each pixel.

    Args:
        corners: (triangles, 3, 2) screen positions in pixels, y downwards. Triangles that run
            anticlockwise to the eye face it; the others are left out.
        nearness: (triangles, 3), linear on the screen, greater is nearer: 1 / depth in
            perspective, -depth in parallel projection.
        width: Of the image in pixels.
        height: Of the image in pixels.
    """
    edges = _edges(corners)
    area = edges.sum(axis=1)[:, 2]
    chosen = np.flatnonzero((area > 1e-9) & _on_screen(corners, width, height))
    edges = edges[chosen] / area[chosen, None, None]
    slope = np.einsum("tij,ti->tj", edges, nearness[chosen])
    owner, row, first, count = _spans(edges, corners[chosen], width, height)
    span, step = _spread(count)
    column = first[span] + step
    pixel = row[span] * width + column
    # Numbering the pixels of all triangles in one go is what makes this fast in NumPy.
    line = slope[owner, 0] * 0.5 + slope[owner, 1] * (row + 0.5) + slope[owner, 2]
    near = line[span] + slope[owner, 0][span] * column
    nearest = np.full(width * height, -np.inf)
    np.maximum.at(nearest, pixel, near)
    front = near == nearest[pixel]
    winner = np.full(width * height, -1, dtype=np.intp)
    winner[pixel[front]] = owner[span[front]]
    covered = np.flatnonzero(winner >= 0)
    won = winner[covered]
    row, column = np.divmod(covered, width)
    a, b, c = (edges[:, :, i][won] for i in range(3))
    weights = a * (column + 0.5)[:, None] + b * (row + 0.5)[:, None] + c
    return Seen(covered, chosen[won], weights, nearest[covered])


def _edges(corners: Array) -> Array:
    """Give a, b, c for each edge: a x + b y + c is twice the area that the opposite corner weighs."""
    following, last = np.roll(corners, -1, axis=1), np.roll(corners, -2, axis=1)
    a = last[..., 1] - following[..., 1]
    b = following[..., 0] - last[..., 0]
    c = last[..., 0] * following[..., 1] - following[..., 0] * last[..., 1]
    return np.stack([a, b, c], axis=-1)


def _on_screen(corners: Array, width: int, height: int) -> Array:
    low, high = corners.min(axis=1), corners.max(axis=1)
    return np.asarray((high > 0).all(axis=1) & (low[:, 0] < width) & (low[:, 1] < height))


def _spread(counts: Array) -> tuple[Array, Array]:
    """Number the members of groups: the group of each, and its place in the group."""
    group = np.repeat(np.arange(len(counts)), counts)
    begin = np.cumsum(counts) - counts
    return group, np.arange(len(group)) - begin[group]


def _spans(edges: Array, corners: Array, width: int, height: int) -> tuple[Array, Array, Array, Array]:
    """Cut each triangle into rows of pixels: the triangle, the row, its first column, how many.

    Centres that lie on the left or upper edge belong to a triangle, those on the right or
    lower edge do not, so that neighbours neither overlap nor leave a gap.
    """
    ys = corners[..., 1]
    top = np.clip(np.ceil(ys.min(axis=1) - 0.5), 0, height).astype(np.intp)
    bottom = np.clip(np.ceil(ys.max(axis=1) - 0.5), 0, height).astype(np.intp)
    owner, step = _spread(np.maximum(bottom - top, 0))
    row = top[owner] + step
    a, b, c = (edges[owner, :, i] for i in range(3))
    steep = np.where(a == 0, 1.0, a)
    crossing = -(b * (row[:, None] + 0.5) + c) / steep
    lefts, rights = np.where(a > 0, crossing, -np.inf), np.where(a < 0, crossing, np.inf)
    left = np.maximum(np.maximum(lefts[:, 0], lefts[:, 1]), lefts[:, 2])
    right = np.minimum(np.minimum(rights[:, 0], rights[:, 1]), rights[:, 2])
    first = np.clip(np.ceil(left - 0.5), 0, width).astype(np.intp)
    end = np.clip(np.ceil(right - 0.5), 0, width).astype(np.intp)
    kept = end > first
    return owner[kept], row[kept], first[kept], (end - first)[kept]
