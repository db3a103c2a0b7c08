"""What a class or a channel responds to most: an input that is optimised by gradient ascent.

Pixels that are pushed uphill one by one become noise that only the network understands. Four things
keep the picture one that people can read (Yosinski et al. 2015; Olah, Mordvintsev and Schubert 2017):
it is made of waves, of which the long ones move fastest, which blurs it; its colours are those that
vary in photos; it is shifted and zoomed at random before each step (jitter); and all waves decay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tellapart.explain.network import SCORES, Network
from tellapart.progress import Bar

# Square root of the covariance of red, green and blue in photos (Olah et al. 2017), scaled to about one.
_COLOURS: Final = np.array([[0.56, 0.19, 0.04], [0.58, 0.00, -0.11], [0.58, -0.19, 0.06]], np.float32)
_COST: Final = 5.1e12  # multiplications
_FEWEST: Final = 16
_TINY: Final = 1e-12
_WAKING: Final = 5  # times the first waves
_FIRST: Final = 0.1  # size of the waves that it starts from
_FORGETS: Final = 0.9  # share of the mean direction that a step keeps
LARGEST: Final = 160  # pixels of a picture's side: it is kept no larger


@dataclass(frozen=True)
class Ascent:
    """How an input is optimised.

    Attributes:
        steps: Of gradient ascent.
        rate: Of Adam, on the waves.
        jitter: Largest shift, as a share of the side.
        zoom: Largest zoom, in and out, as a share.
        decay: Share of every wave that is lost at a step.
        steepness: Power of the frequency by which short waves are held back.
        seed: Of the first noise, the shifts and the zooms.
    """

    steps: int = 24
    rate: float = 0.3
    jitter: float = 0.2
    zoom: float = 0.25
    decay: float = 0.01
    steepness: float = 1.35
    seed: int = 0


def maximise(
    network: Network, of: str, numbers: Sequence[int], ascent: Ascent | None = None, *, bar: Bar | None = None
) -> np.ndarray:
    """Optimise one input for each of some classes or channels.

    A class is asked for its score against the others, a channel for its mean over the whole picture.

    Args:
        network: The model.
        of: "scores" for classes, or the name of a block for its channels.
        numbers: Of the classes or channels.
        ascent: How.
        bar: Moved on by one for each picture and step.

    Returns:
        Shape (numbers, size, size, 3), uint8, RGB. The same arguments give the same bytes.

    Raises:
        NoGradientError: The model cannot be differentiated.
        OptionError: There is no such block.
    """
    how = ascent or Ascent()
    n, size = len(numbers), network.spec.size
    generator = np.random.default_rng(how.seed)
    waves = _Waves(_side(size), how.steepness)
    spectrum = np.repeat(waves.noise(generator), n, axis=0)
    mean, square = np.zeros_like(spectrum), np.zeros(spectrum.shape, np.float32)
    seed = _seed(network, of, numbers)
    for step in range(1, how.steps + 1):
        picture = waves.picture(spectrum)
        view = _View.drawn(waves.side, size, how, generator)
        gradient = network.gradient(255 * view.of(picture), seed, of=of)
        # Adam (Kingma and Ba 2014): each wave at a pace of its own, whatever the scale of the gradient.
        ascending = waves.back(view.back(gradient), picture)
        steepest = np.abs(ascending).max(axis=(1, 2, 3), keepdims=True)
        ascending /= steepest + _TINY
        mean = _FORGETS * mean + (1 - _FORGETS) * ascending
        square = 0.99 * square + 0.01 * np.abs(ascending) ** 2
        pace = (mean / (1 - _FORGETS**step)) / (np.sqrt(square / (1 - 0.99**step)) + _TINY)
        spectrum = (1 - how.decay) * spectrum + how.rate * pace
        asleep = steepest == 0
        if asleep.any():
            # What is silent on noise has no gradient there: other waves are tried until one wakes it.
            spectrum += asleep * np.float32(_WAKING) * waves.noise(np.random.default_rng([how.seed, step]))
        if bar is not None:
            bar.advance(n)
    return _as_photos(waves.picture(spectrum), size)


def affordable(network: Network, pictures: int, most: int) -> tuple[int, int]:
    """How many steps, and for how many pictures, the cost of a network allows.

    Forward and back a picture costs at most three times what a photo costs. Steps fall to 16 at the least, then
    pictures to one, so that VGG16 at 224 pixels takes about half a minute.

    Args:
        network: The model.
        pictures: That are wanted.
        most: Steps that are wanted.

    Returns:
        Steps, pictures.
    """
    whole = _COST / (3 * network.multiply_adds + 1)  # steps of one picture
    steps = int(min(most, max(_FEWEST, whole / max(pictures, 1))))
    return steps, int(min(pictures, max(1, whole / steps)))


def noise(size: int, ascent: Ascent | None = None) -> np.ndarray:
    """What every input is before it is optimised, (1, size, size, 3), uint8: what its response is compared with."""
    how = ascent or Ascent()
    waves = _Waves(_side(size), how.steepness)
    return _as_photos(waves.picture(waves.noise(np.random.default_rng(how.seed))), size)


def _side(size: int) -> int:
    return min(size, LARGEST)


def _as_photos(pictures: np.ndarray, size: int) -> np.ndarray:
    """What the network is given of pictures that are neither shifted nor zoomed."""
    return np.asarray(np.round(255 * _View(pictures.shape[-1], size).of(pictures)), dtype=np.uint8)


def _seed(network: Network, of: str, numbers: Sequence[int]) -> np.ndarray:
    """One class or the mean of one channel for each picture."""
    if of == SCORES:
        return np.eye(len(network.classes), dtype=np.float32)[list(numbers)]
    rows, columns, channels = network.shape_of(of)
    one = np.eye(channels, dtype=np.float32)[list(numbers)][:, None, None]
    return np.tile(one, (1, rows, columns, 1)) / (rows * columns)


class _Waves:
    """Pictures (n, 3, side, side), 0 to 1, as spectra of three uncorrelated colours, (n, 3, side, side // 2 + 1)."""

    def __init__(self, side: int, steepness: float) -> None:
        frequencies = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
        scale = 1 / np.maximum(frequencies, 1 / side) ** steepness
        scale *= side / np.sqrt((scale**2).sum())  # noise of unit waves varies by about one
        self._scale = scale.astype(np.float32)
        self.side = side

    def noise(self, generator: np.random.Generator) -> np.ndarray:
        shape = (1, 3, self.side, self.side // 2 + 1)
        drawn = generator.normal(size=shape) + 1j * generator.normal(size=shape)
        return np.asarray(_FIRST * drawn, dtype=np.complex64)

    def picture(self, spectrum: np.ndarray) -> np.ndarray:
        from scipy.fft import irfft2
        from scipy.special import expit

        plain = irfft2(spectrum * self._scale, s=(self.side, self.side), norm="ortho")
        return np.asarray(expit(_mixed(_COLOURS, plain)))

    def back(self, gradient: np.ndarray, picture: np.ndarray) -> np.ndarray:
        from scipy.fft import rfft2

        plain = _mixed(_COLOURS.T, gradient * picture * (1 - picture))
        return np.asarray(rfft2(plain, norm="ortho") * self._scale)


def _mixed(colours: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    return np.asarray(colours @ pictures.reshape(*pictures.shape[:2], -1)).reshape(pictures.shape)


class _View:
    """A shift and zoom of pictures (n, 3, side, side) to photos (n, size, size, 3), and its way back."""

    def __init__(self, side: int, size: int, shifts: Sequence[int] = (0, 0), zoom: float = 1.0) -> None:
        self._rows, self._columns = (_zooming(side, size, shift, zoom) for shift in shifts)

    @classmethod
    def drawn(cls, side: int, size: int, how: Ascent, generator: np.random.Generator) -> "_View":
        """One at random."""
        reach = round(how.jitter * side)
        shifts = generator.integers(-reach, reach + 1, 2).tolist()
        return cls(side, size, shifts, 1 + generator.uniform(-how.zoom, how.zoom))

    def of(self, pictures: np.ndarray) -> np.ndarray:
        rows = _along(self._rows, pictures.transpose(2, 3, 0, 1))
        return np.ascontiguousarray(_along(self._columns, rows.swapaxes(0, 1)).transpose(2, 1, 0, 3))

    def back(self, gradient: np.ndarray) -> np.ndarray:
        columns = _along(self._columns.T, gradient.transpose(2, 1, 0, 3))
        return _along(self._rows.T, columns.swapaxes(0, 1)).transpose(2, 3, 0, 1)


def _along(matrix: Any, array: np.ndarray) -> np.ndarray:
    """A matrix times the first axis of an array. It is sparse, which leaves no sum to the threads of a library."""
    return np.asarray(matrix @ array.reshape(len(array), -1)).reshape(-1, *array.shape[1:])


def _zooming(side: int, size: int, shift: int, zoom: float) -> Any:
    """The sparse matrix that takes `side` places to `size`: moved round the edges, zoomed about the middle.

    Beyond the edges of what was moved they repeat.
    """
    from scipy.sparse import csr_array

    middle = (side - 1) / 2
    places = ((np.arange(size) + 0.5) * side / size - 0.5 - middle) / zoom + middle
    places = np.clip(places, 0, side - 1)
    low = np.minimum(places.astype(int), side - 2)
    share = (places - low).astype(np.float32)
    taken = (np.concatenate([low, low + 1]) - shift) % side
    return csr_array((np.concatenate([1 - share, share]), (np.tile(np.arange(size), 2), taken)), (size, side))
