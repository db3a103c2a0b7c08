"""A model file, opened for explaining: its scores, features, activation maps and gradients, by ONNX Runtime alone."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from typing import Any, Final, TypeVar

import numpy as np

from tellapart.deploy.runtime import Model, load
from tellapart.errors import OptionError
from tellapart.explain.backward import SEED, gradient_model
from tellapart.explain.landmarks import (
    Maps,
    find_features,
    find_first_convolution,
    find_logits,
    multiply_adds,
)
from tellapart.explain.model_graph import ModelGraph, ancestors
from tellapart.explain.pooling import Branch, find_pooling
from tellapart.machine import usable_cores
from tellapart.models.forward import BATCH, runtime_session

_T = TypeVar("_T")

SCORES: Final = "scores"
PHOTO: Final = "photo"
_SESSIONS: Final = 4  # each keeps the weights once more
_BYTES: Final = 400_000_000  # of activations, kept for the way back
# Photos that a thread computes at once, on a core of its own: threads that share a photo wait for each other at every
# layer, and more photos leave the processor's cache. Together half the processor's time on two cores (docs/LOG.md).
_A_THREAD: Final = 2


class Network:
    """A model that can be looked into.

    All photos are (n, size, size, 3), uint8 or float32, RGB from 0 to 255, as `photos.pixels.to_pixels`
    gives them; any number of them, which are computed some at a time.

    Attributes:
        classes: Class names in the order of the scores.
        spec: How a photo becomes pixels.
        recipe: By which the model was made.
        backbone: Of that recipe; None where it has none.
        blocks: Names of the activation maps that end a block, in the order of the data. The last
            is the one before pooling or flattening. A model without convolutions has none.
        first_filters: The filters of the first layer as it would read RGB from 0 to 255,
            (filters, rows, columns, 3), float32; None where that layer is no convolution of the photo.
        multiply_adds: What one photo costs, in multiplications with a weight.
    """

    def __init__(self, model: Model) -> None:
        self.classes, self.spec = model.classes, model.spec
        self.recipe: str = model.passport.get("recipe", "")
        self.backbone: str | None = model.passport.get("backbone")
        self._graph = ModelGraph(model.content)
        self._logits = find_logits(self._graph)
        self._features = find_features(self._graph, self._logits)
        self._pooling = find_pooling(self._graph, self._features)
        self._maps = Maps(self._graph, self._logits, self._pooling)
        self._tensors = {f"block{number}": tensor for number, tensor in enumerate(self._maps.blocks, 1)}
        self.blocks = tuple(self._tensors)
        self._forward: Any = None
        self._last: tuple[bytes, dict[str, np.ndarray]] = (b"", {})
        self._gradients: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self.multiply_adds = multiply_adds(self._graph)
        self.first_filters = self._first_filters()

    @classmethod
    def open(cls, path: str | PathLike[str]) -> "Network":
        """Open a model file, checked as `deploy.runtime.load` does.

        Args:
            path: The file, or a run folder.

        Raises:
            ModelFileError: It is missing, damaged, altered or of another kind.
            MissingExtraError: The package `onnx` is not installed.
        """
        return cls(load(path))

    def scores(self, x: np.ndarray) -> np.ndarray:
        """What speaks for each class against the others, before softmax and temperature: logits minus their mean.

        Returns:
            Shape (n, classes), float32.
        """
        return _centred(self._outputs(x, self._logits))

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """The probabilities that the model gives, calibrated, (n, classes), float32."""
        return self._outputs(x, self._graph.output)

    def features(self, x: np.ndarray) -> np.ndarray:
        """What the last linear layer reads, (n, features), float32."""
        return self._outputs(x, self._features)

    def features_of_pooled(self, pooled: np.ndarray) -> np.ndarray | None:
        """What `features` gives, computed from the means of the channels of a backbone's activation maps.

        Args:
            pooled: Shape (n, channels); those of the last maps come first.

        Returns:
            Shape (n, features), float32; None where this network does not decide by such means, or by more of them.
        """
        if self._pooling is None or self._graph.shape(self._pooling.means)[1] > pooled.shape[1]:
            return None
        means = self._pooling.means
        pooled = pooled[:, : self._graph.shape(means)[1]]  # of a head that learned with the block, the last maps' alone
        if means == self._features:
            return pooled.astype(np.float32)
        before = {name for node in ancestors(self._graph.nodes, means) for name in node.output}
        behind = [node for node in ancestors(self._graph.nodes, self._features) if node.output[0] not in before]
        session = runtime_session(self._graph.model(behind, {}, {"input": [means], "output": [self._features]}))
        return np.asarray(session.run(None, {means: pooled.astype(np.float32)})[0])

    def activations(self, x: np.ndarray, block: str) -> np.ndarray:
        """The activation maps at the end of a block, (n, rows, columns, channels), float32.

        Raises:
            OptionError: There is no such block.
        """
        tensor = self._tensor(block)
        return self._channels_last(tensor, self._outputs(x, tensor))

    def scores_and_activations(self, x: np.ndarray, blocks: Sequence[str]) -> tuple[np.ndarray, list[np.ndarray]]:
        """`scores` and the `activations` of some blocks, computed at once.

        Raises:
            OptionError: There is no such block.
        """
        tensors = [self._tensor(block) for block in blocks]
        fetched = self._fetching(x)
        parts = list(self._each_part(lambda photos: fetched([self._logits, *tensors], photos), x))
        logits, *maps = (np.concatenate(column) for column in zip(*parts, strict=True))
        return _centred(logits), [self._channels_last(*pair) for pair in zip(tensors, maps, strict=True)]

    def shape_of(self, block: str) -> tuple[int, int, int]:
        """Rows, columns and channels of a block's activation maps.

        Raises:
            OptionError: There is no such block.
        """
        return self._maps.shape(self._tensor(block))

    def gradient(self, x: np.ndarray, seed: np.ndarray, *, of: str = SCORES, at: str = PHOTO) -> np.ndarray:
        """d(sum(seed * of)) / d(at), for each photo by itself.

        Args:
            x: Photos.
            seed: Weights of what is differentiated: (n, classes) of the scores, or (n, rows, columns,
                channels) of a block.
            of: "scores", or the name of a block.
            at: "photo", or the name of a block before `of`.

        Returns:
            The shape of the photos, or of the block's activation maps; float32.

        Raises:
            OptionError: There is no such block, or the seed has another shape.
            NoGradientError: An operator between has no gradient here.
        """
        source = self._logits if of == SCORES else self._tensor(of)
        target = self._graph.photo if at == PHOTO else self._tensor(at)
        expected = (len(x), len(self.classes)) if of == SCORES else (len(x), *self._maps.shape(source))
        if seed.shape != expected:
            raise OptionError(f"A seed of shape {seed.shape}. Accepted: {expected}, the shape of {of}.")
        # Subtracting the mean is its own way back.
        seed = _centred(seed) if of == SCORES else self._as_computed(source, seed)
        session = self._gradient_session(source, target)
        run: Callable[..., np.ndarray] = lambda photos, weights: session.run(  # noqa: E731
            None, {self._graph.photo: photos, SEED: weights}
        )[0]
        found = self._in_parts(run, x, seed.astype(np.float32))
        return found if at == PHOTO else self._channels_last(target, found)

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The maps whose means the scores are made of, where there are several; else none."""
        found = self._pooling.branches if self._pooling else ()
        return found if len(found) > 1 else ()

    def evidence(self, x: np.ndarray, seed: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """The maps of each of `branches`, and the gradient of the scores by them through their own means alone.

        Args:
            x: Photos.
            seed: Weights of the scores, (n, classes).

        Returns:
            Maps and gradient, both (n, rows, columns, channels), float32, of each.
        """
        if self._pooling is None:
            return []
        fetched, session = self._fetching(x), self._gradient_session(self._logits, self._pooling.means)
        told = _centred(seed).astype(np.float32)
        slopes = self._in_parts(
            lambda photos, weights: session.run(None, {self._graph.photo: photos, SEED: weights})[0], x, told
        )
        found = []
        for branch in self.branches:
            maps = self._in_parts(lambda photos, name=branch.maps: fetched([name], photos)[0], x)
            maps = np.moveaxis(maps, 1, -1) if branch.channels_first else maps
            own = slopes[:, branch.first : branch.first + branch.channels] / np.prod(branch.sides)
            found.append((maps, np.broadcast_to(own[:, np.newaxis, np.newaxis], maps.shape)))
        return found

    def _gradient_session(self, of: str, at: str) -> Any:
        key = (of, at)
        if key not in self._gradients:
            self._gradients[key] = runtime_session(gradient_model(self._graph, of, at), threads=1)
            if len(self._gradients) > _SESSIONS:
                self._gradients.popitem(last=False)
        self._gradients.move_to_end(key)
        return self._gradients[key]

    def _outputs(self, x: np.ndarray, tensor: str) -> np.ndarray:
        fetched = self._fetching(x)
        return self._in_parts(lambda photos: fetched([tensor], photos)[0], x)

    def _fetching(self, x: np.ndarray) -> Callable[[list[str], np.ndarray], list[np.ndarray]]:
        """What computes some tensors for photos; a single one is mostly asked for several, one after the other."""
        if self._forward is None:
            ends = [self._logits, self._graph.output, self._features, *self._maps.blocks]
            ends += [branch.maps for branch in self.branches]
            names = {"input": [self._graph.photo], "output": list(dict.fromkeys(ends))}
            self._forward = runtime_session(self._graph.model(self._graph.nodes, {}, names), threads=1)
        return self._fetched_of_one if len(x) == 1 else self._fetched

    def _fetched(self, tensors: list[str], photos: np.ndarray) -> list[np.ndarray]:
        return list(self._forward.run(tensors, {self._graph.photo: photos}))

    def _fetched_of_one(self, tensors: list[str], photos: np.ndarray) -> list[np.ndarray]:
        content = photos.tobytes()
        if self._last[0] != content:
            every = [output.name for output in self._forward.get_outputs()]
            self._last = content, dict(zip(every, self._fetched(every, photos), strict=True))
        return [self._last[1][tensor] for tensor in tensors]

    def _in_parts(self, run: Callable[..., np.ndarray], x: np.ndarray, *others: np.ndarray) -> np.ndarray:
        return np.concatenate(list(self._each_part(run, x, *others)))

    def _each_part(self, run: Callable[..., _T], x: np.ndarray, *others: np.ndarray) -> Iterator[_T]:
        """Compute a few photos a core, and no more of them at a time than fit into the memory."""
        size = self.spec.size
        if x.shape[1:] != (size, size, 3):
            raise OptionError(f"Photos of shape {x.shape}. Accepted: (n, {size}, {size}, 3).")
        some = max(1, min(BATCH, _BYTES // self._bytes_a_photo))
        threads = min(usable_cores(), some)
        each = min(_A_THREAD, some // threads)

        def part(at: int) -> _T:
            return run(x[at : at + each].astype(np.float32), *(other[at : at + each] for other in others))

        starts = range(0, max(len(x), 1), each)
        if len(starts) == 1:
            yield part(0)
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(part, starts)

    @property
    def _bytes_a_photo(self) -> int:
        tensors = self._graph.between - {self._graph.photo}
        return 4 * int(sum(np.prod(self._graph.shape(tensor)[1:]) for tensor in tensors)) + 1

    def _tensor(self, block: str) -> str:
        if block not in self._tensors:
            known = ", ".join(self.blocks) or "none, as this model has no convolutions"
            raise OptionError(f"No block is called '{block}'. Accepted: {known}.")
        return self._tensors[block]

    def _channels_last(self, tensor: str, maps: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.moveaxis(maps, 1, -1)) if self._maps.channels_first[tensor] else maps

    def _as_computed(self, tensor: str, maps: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.moveaxis(maps, -1, 1)) if self._maps.channels_first[tensor] else maps

    def _first_filters(self) -> np.ndarray | None:
        """The kernels of the first layer, with what stands before it (scaling, BGR) taken into them."""
        node = find_first_convolution(self._graph)
        if node is None:
            return None
        # The photo reaches the layer as a sum of its colours: what one of them adds, it is asked by four photos.
        size = self.spec.size
        photos = np.zeros((4, size, size, 3), np.float32)
        photos[1:] += 255 * np.eye(3, dtype=np.float32)[:, None, None]
        names = {"input": [self._graph.photo], "output": [node.input[0]]}
        before = ancestors(self._graph.nodes, node.input[0])
        session = runtime_session(self._graph.model(before, {}, names), optimised=False)
        read = session.run(None, {self._graph.photo: photos})[0]
        middle = read[:, :, read.shape[2] // 2, read.shape[3] // 2]
        colours = (middle[1:] - middle[0]).T / 255  # (channel of the layer, colour)
        weights = np.asarray(self._graph.value(node.input[1]))
        return np.asarray(np.einsum("oikl,ic->oklc", weights, colours), dtype=np.float32)


def _centred(scores: np.ndarray) -> np.ndarray:
    return np.asarray(scores - scores.mean(axis=1, keepdims=True))
