"""Integrated gradients: what each pixel adds to the score on the way from a blank photo to this one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from tellapart.explain.gradcam import one_class

if TYPE_CHECKING:
    from tellapart.explain.network import Network

T = TypeVar("T")

AIM: Final = 0.01  # left over of the change of the score; half of what is promised
PROMISE: Final = 0.02
_MOST: Final = 2048
_FEWEST: Final = 96
# Multiplications that a photo is worth: MobileNetV2 at 288 gets 101 gradients. A photo whose score hardly differs from
# the blank one's never comes within 1 % of that change, and after 24 its picture is the one of 300 (docs/LOG.md).
_WORK: Final = 5e10
_SEGMENTS: Final = 8
_NODES: Final = 3  # Gauss-Legendre, of each segment
_BATCH: Final = 8
FLOOR: Final = 1e-6  # float32 knows a score of about 1 no better


@dataclass(frozen=True)
class Attributions:
    """What each pixel adds.

    Attributes:
        values: Shape (size, size), float32, summed over the colours; signed, in units of the score.
        change: Of the score, from the baseline to the photo.
        difference: Share of that change by which the sum of `values` misses it.
        gradients: How many were computed.
    """

    values: np.ndarray
    change: float
    difference: float
    gradients: int


def integrated_gradients(network: "Network", photo: np.ndarray, number: int) -> np.ndarray:
    """The values of `attributions`, as a method of the table."""
    return attributions(network, photo, number).values


def attributions(network: "Network", photo: np.ndarray, number: int, *, most: int | None = None) -> Attributions:
    """Integrate the gradient along the straight line from the baseline to the photo (Sundararajan et al. 2017).

    The baseline is the photo's mean colour, everywhere. The sum of all attributions is the change of the score
    ("completeness"). The line is cut into 8 parts with 3 nodes of Gauss and Legendre each. As the sum is known
    for every part as well, those that miss it most are halved until 1 % is left over, or `most` gradients were
    computed: networks of ReLUs have kinks, and only the parts that hold one need more nodes.

    Args:
        network: Any with a gradient.
        photo: Shape (size, size, 3), 0 to 255.
        number: Of the class.
        most: Gradients at most, but for the last round; by default 96 to 2048, fewer for larger networks.
    """
    most = most or int(np.clip(_WORK / (network.multiply_adds + 1), _FEWEST, _MOST))
    x = photo.astype(np.float32)
    start = baseline(photo)
    line = _Line(network, start, x - start, number)
    cuts = np.linspace(0, 1, _SEGMENTS + 1)
    parts = line.parts(np.stack([cuts[:-1], cuts[1:]], axis=1))
    change = line.score_at([1.0])[0] - line.score_at([0.0])[0]
    allowed = AIM * max(abs(change), FLOOR)
    while abs(sum(part.missing for part in parts)) > allowed and line.gradients < most:
        worst = sorted(parts, key=lambda part: -abs(part.missing))[: max(1, len(parts) // 4)]
        halves = [half for part in worst for half in part.halves()]
        parts = [part for part in parts if part not in worst] + line.parts(np.array(halves))
    values = np.sum([part.values for part in parts], axis=0)
    missed = abs(float(values.sum(dtype=np.float64)) - change) / max(abs(change), FLOOR)
    return Attributions(values.astype(np.float32), change, missed, line.gradients)


def change_of(network: "Network", photo: np.ndarray, number: int) -> float:
    """What the score of a class changes by from the baseline to the photo."""
    ends = network.scores(np.stack([baseline(photo), photo.astype(np.float32)]))[:, number]
    return float(ends[1]) - float(ends[0])


def baseline(photo: np.ndarray) -> np.ndarray:
    """The blank photo that the line starts from: the mean colour of `photo`, (size, size, 3), float32."""
    return np.broadcast_to(photo.mean(axis=(0, 1), dtype=np.float64), photo.shape).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Part:
    """The integral over one part of the line; `missing` is by how much it misses the change of the score there."""

    low: float
    high: float
    values: np.ndarray
    missing: float

    def halves(self) -> list[tuple[float, float]]:
        middle = (self.low + self.high) / 2
        return [(self.low, middle), (middle, self.high)]


class _Line:
    """The way from the baseline to the photo."""

    def __init__(self, network: "Network", start: np.ndarray, way: np.ndarray, number: int) -> None:
        self._network, self._start, self._way, self._number = network, start, way, number
        self.gradients = 0

    def score_at(self, places: list[float]) -> list[float]:
        """The score at each of some places from 0 to 1."""
        scores = [self._network.scores(self._along(some))[:, self._number] for some in _batches(places)]
        return [float(score) for score in np.concatenate(scores)]

    def parts(self, spans: np.ndarray) -> list[_Part]:
        """The integrals over parts of the line, (parts, 2)."""
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        lengths = spans[:, 1] - spans[:, 0]
        places = spans[:, :1] + lengths[:, np.newaxis] * (nodes + 1) / 2
        shares = np.multiply.outer(lengths, weights) / 2
        values = np.zeros((len(spans), *self._way.shape[:2]))
        flat = list(zip(np.repeat(np.arange(len(spans)), _NODES), places.ravel(), shares.ravel(), strict=True))
        for some in _batches(flat):
            gradients = self._gradients([place for _, place, _ in some])
            for (part, _, share), gradient in zip(some, gradients, strict=True):
                values[part] += share * (gradient * self._way).sum(axis=2, dtype=np.float64)
        ends = np.unique(spans)
        scores = dict(zip(ends.tolist(), self.score_at(ends.tolist()), strict=True))
        return [
            _Part(low, high, value, float(value.sum()) - (scores[high] - scores[low]))
            for (low, high), value in zip(spans.tolist(), values, strict=True)
        ]

    def _gradients(self, places: list[float]) -> np.ndarray:
        self.gradients += len(places)
        return self._network.gradient(self._along(places), one_class(self._network, self._number, len(places)))

    def _along(self, places: list[float]) -> np.ndarray:
        shares = np.array(places, dtype=np.float32).reshape(-1, 1, 1, 1)
        return np.asarray(self._start + shares * self._way)


def _batches(items: list[T]) -> list[list[T]]:
    return [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
