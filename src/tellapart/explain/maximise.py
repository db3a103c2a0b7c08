"""What a class or a channel responds to most: an input that is optimised by gradient ascent.

Pixels that are pushed uphill one by one become noise that only the network understands. Four things
keep the picture one that people can read (Yosinski et al. 2015; Olah, Mordvintsev and Schubert 2017):
it is made of waves, of which the long ones move fastest, which blurs it; its colours are those that
vary in photos; it is shifted and zoomed at random before each step (jitter); and all waves decay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tellapart.explain.network import SCORES, Network
from tellapart.progress import Bar

# Square root of the covariance of red, green and blue in photos (Olah et al. 2017), scaled to about one.
_COLOURS: Final = np.array([[0.56, 0.19, 0.04], [0.58, 0.00, -0.11], [0.58, -0.19, 0.06]], np.float32)
_COST: Final = 8e12  # multiplications
_FEWEST: Final = 24
_TINY: Final = 1e-12
_WAKING: Final = 5  # times the first waves
_FIRST: Final = 0.1  # size of the waves that it starts from


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

    steps: int = 48
    rate: float = 0.25
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
    generator, waking = np.random.default_rng(how.seed), np.random.default_rng([how.seed, 1])
    waves = _Waves(size, how.steepness)
    spectrum = np.repeat(waves.noise(generator), n, axis=0)
    mean, square = np.zeros_like(spectrum), np.zeros(spectrum.shape, np.float32)
    seed = _seed(network, of, numbers)
    for step in range(1, how.steps + 1):
        picture = waves.picture(spectrum)
        view = _View(size, how, generator)
        gradient = network.gradient(255 * view.of(picture), seed, of=of)
        # Adam (Kingma and Ba 2014): each wave at a pace of its own, whatever the scale of the gradient.
        ascending = waves.back(view.back(gradient), picture)
        steepest = np.abs(ascending).max(axis=(1, 2, 3), keepdims=True)
        ascending /= steepest + _TINY
        mean = 0.9 * mean + 0.1 * ascending
        square = 0.99 * square + 0.01 * np.abs(ascending) ** 2
        pace = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + _TINY)
        spectrum = (1 - how.decay) * spectrum + how.rate * pace
        # What is silent on noise has no gradient there: other waves are tried until one wakes it.
        spectrum += (steepest == 0) * _WAKING * waves.noise(waking)
        if bar is not None:
            bar.advance(n)
    return _as_photo(waves.picture(spectrum))


def affordable(network: Network, pictures: int, most: int) -> tuple[int, int]:
    """How many steps, and for how many pictures, the cost of a network allows.

    Forward and back a picture costs at most three times what a photo costs. Steps fall to 24 at the least, then
    pictures to one, so that VGG16 at 224 pixels takes about a minute.

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
    waves = _Waves(size, how.steepness)
    return _as_photo(waves.picture(waves.noise(np.random.default_rng(how.seed))))


def _as_photo(picture: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(255 * picture), dtype=np.uint8)


def _seed(network: Network, of: str, numbers: Sequence[int]) -> np.ndarray:
    """One class or the mean of one channel for each picture."""
    if of == SCORES:
        return np.eye(len(network.classes), dtype=np.float32)[list(numbers)]
    rows, columns, channels = network.shape_of(of)
    one = np.eye(channels, dtype=np.float32)[list(numbers)][:, None, None]
    return np.tile(one, (1, rows, columns, 1)) / (rows * columns)


class _Waves:
    """Pictures (n, size, size, 3), 0 to 1, as spectra of three uncorrelated colours, (n, size, size // 2 + 1, 3)."""

    def __init__(self, size: int, steepness: float) -> None:
        frequencies = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
        scale = (1 / np.maximum(frequencies, 1 / size) ** steepness)[..., None]
        scale *= size / np.sqrt((scale**2).sum())  # noise of unit waves varies by about one
        self._scale = scale.astype(np.float32)
        self._size = size

    def noise(self, generator: np.random.Generator) -> np.ndarray:
        shape = (1, self._size, self._size // 2 + 1, 3)
        drawn = generator.normal(size=shape) + 1j * generator.normal(size=shape)
        return np.asarray(_FIRST * drawn, dtype=np.complex64)

    def picture(self, spectrum: np.ndarray) -> np.ndarray:
        from scipy.fft import irfft2

        size = self._size
        plain = irfft2(spectrum * self._scale, s=(size, size), axes=(1, 2), norm="ortho")
        return np.asarray(1 / (1 + np.exp(-plain @ _COLOURS.T)))

    def back(self, gradient: np.ndarray, picture: np.ndarray) -> np.ndarray:
        from scipy.fft import rfft2

        plain = (gradient * picture * (1 - picture)) @ _COLOURS
        return np.asarray(rfft2(plain, axes=(1, 2), norm="ortho") * self._scale)


class _View:
    """One random shift and zoom of pictures, and its way back."""

    def __init__(self, size: int, how: Ascent, generator: np.random.Generator) -> None:
        reach = round(how.jitter * size)
        self._shift = tuple(int(number) for number in generator.integers(-reach, reach + 1, 2))
        factor = 1 + generator.uniform(-how.zoom, how.zoom)
        self._matrix = _zooming(size, factor)

    def of(self, pictures: np.ndarray) -> np.ndarray:
        moved = np.roll(pictures, self._shift, axis=(1, 2))
        return np.asarray(np.einsum("ai,nijc,bj->nabc", self._matrix, moved, self._matrix, optimize=True))

    def back(self, gradient: np.ndarray) -> np.ndarray:
        moved = np.einsum("ai,nabc,bj->nijc", self._matrix, gradient, self._matrix, optimize=True)
        return np.asarray(np.roll(moved, tuple(-number for number in self._shift), axis=(1, 2)))


def _zooming(size: int, factor: float) -> np.ndarray:
    """The matrix that takes a row of `size` places to the same row, zoomed about its middle; edges repeat."""
    middle = (size - 1) / 2
    places = np.clip((np.arange(size) - middle) / factor + middle, 0, size - 1)
    low = np.minimum(places.astype(int), size - 2)
    matrix = np.zeros((size, size), np.float32)
    matrix[np.arange(size), low] = 1 - (places - low)
    matrix[np.arange(size), low + 1] += places - low
    return matrix
