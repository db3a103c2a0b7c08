"""The linear head: logistic regression on the features of a frozen backbone, as plain weights.

It takes seconds and no training framework. How strongly it is held back is found by cross-validation of the
photos that it learns from, with groups kept whole.
"""

import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tellapart.models.backbone_file import POOLED, backbone_onnx
from tellapart.models.features import features_for, source_for
from tellapart.models.forward import Forward
from tellapart.models.probe import FOLDS, one_thread
from tellapart.models.task import Features, Fitted, Task, Written
from tellapart.models.training import History, class_weights

# The inverse of the penalty, as scikit-learn counts it, for features of mean 0 and deviation 1.
STRENGTHS: Final = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
_ITERATIONS: Final = 500
SMALLEST: Final = 1e-7  # probability, so that one photo cannot make a loss infinite


@dataclass(frozen=True)
class LinearHead:
    """Weights on plain features.

    Attributes:
        weights: (channels, classes), float32.
        bias: (classes,), float32.
        strength: The inverse of the penalty that cross-validation chose.
        losses: By strength, the log loss in cross-validation; strengths behind the first rise were not tried.
    """

    weights: np.ndarray
    bias: np.ndarray
    strength: float
    losses: dict[float, float]

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Probabilities (photos, classes), float32, of features (photos, channels)."""
        from scipy.special import softmax

        return np.asarray(softmax(features @ self.weights + self.bias, axis=1), dtype=np.float32)


def fit_linear(task: Task) -> Fitted:
    """The recipe `linear`: the head on the backbone, written as one network; no Keras is used."""
    source = source_for(task)
    found = features_for(task, source)
    start = time.perf_counter()
    with task.progress.bar("Training linear", 1) as bar:
        head = fit_linear_head(found.train, task.labels(task.train), _groups(task))
        bar.advance()
    backbone = backbone_onnx(source.backbone, source.spec.size, source.path, task.cache)
    content = with_linear_head(backbone, head)
    return Fitted(
        "linear",
        Written(content, count_numbers(content), _answering(backbone, head)),
        source.spec,
        History(),
        head.probabilities(found.train),
        head.probabilities(found.valid),
        {"features": found.seconds, "train": time.perf_counter() - start},
        head.weights.size + head.bias.size,
        source.backbone.name,
        {"strength": head.strength, "folds": FOLDS},
        Features(None, found.train, found.valid),
        found.seconds - found.spent,
    )


def fit_linear_head(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> LinearHead:
    """Fit the head, once for each fold and strength, then once on all photos.

    Args:
        features: (photos, channels).
        labels: Class numbers from 0 without a gap, (photos,).
        groups: Of each photo; a group is never learned from and asked about at once.
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    scaled, axes = _rotated(((features - mean) / deviation).astype(np.float64))
    weighted = class_weights(labels)
    with one_thread():
        losses = _losses(scaled, labels, groups, weighted)
        strength = min(losses, key=lambda one: losses[one])
        head = _regression(strength, weighted).fit(scaled, labels)
    coefficients, intercept = _of_each_class(head)
    weights = (axes.T @ coefficients) / deviation[:, np.newaxis]
    bias = intercept - mean @ weights
    return LinearHead(weights.astype(np.float32), bias.astype(np.float32), strength, losses)


def _rotated(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The photos in the axes that they span, and these axes, (axes, channels).

    A penalty of squares does not see a rotation, so the head is the same; where there are
    fewer photos than channels it is found several times sooner.
    """
    if scaled.shape[0] >= scaled.shape[1]:
        return scaled, np.eye(scaled.shape[1])
    left, sizes, axes = np.linalg.svd(scaled, full_matrices=False)
    return left * sizes, axes


def _losses(
    scaled: np.ndarray, labels: np.ndarray, groups: np.ndarray, weighted: dict[int, float] | None
) -> dict[float, float]:
    """The log loss of each strength in cross-validation, from the weakest head on until it rises."""
    from sklearn.model_selection import StratifiedGroupKFold

    n_folds = max(2, min(FOLDS, int(np.bincount(labels).min())))
    dealer = StratifiedGroupKFold(n_folds, shuffle=True, random_state=0)
    folds = [(learned, asked, _regression(1.0, weighted)) for learned, asked in dealer.split(scaled, labels, groups)]
    losses: dict[float, float] = {}
    for strength in STRENGTHS:
        told = np.full(len(labels), SMALLEST)
        for learned, asked, head in folds:  # each goes on from the strength before
            shares = head.set_params(C=strength).fit(scaled[learned], labels[learned]).predict_proba(scaled[asked])
            for column, number in enumerate(head.classes_):  # a class may be in this fold alone
                of_class = labels[asked] == number
                told[asked[of_class]] = shares[of_class, column]
        losses[strength] = float(-np.log(np.maximum(told, SMALLEST)).mean())
        if losses[strength] > min(losses.values()):
            break
    return losses


def _regression(strength: float, weighted: dict[int, float] | None) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=_ITERATIONS, class_weight=weighted, warm_start=True)


def _of_each_class(head: Any) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (axes, classes) and intercepts; of two classes scikit-learn keeps one column."""
    coefficients, intercept = head.coef_.T, head.intercept_
    if coefficients.shape[1] == 1:
        coefficients, intercept = np.hstack([-coefficients, coefficients]) / 2, np.hstack([-intercept, intercept]) / 2
    return coefficients, intercept


def with_linear_head(backbone: bytes, head: LinearHead) -> bytes:
    """Put the head behind a backbone in ONNX form.

    Args:
        backbone: With the output `features`, (photos, channels).
        head: On these.

    Returns:
        The bytes of a network with the outputs `probabilities` and `features`.
    """
    import onnx

    model = onnx.load_from_string(backbone)
    graph, make = model.graph, onnx.helper
    for name, value in (("head_weights", head.weights), ("head_bias", head.bias)):
        graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    graph.node.extend(
        [
            make.make_node("Gemm", [POOLED, "head_weights", "head_bias"], ["head_logits"], name="Head_logits"),
            make.make_node("Softmax", ["head_logits"], ["probabilities"], name="Head_shares", axis=-1),
        ]
    )
    shares = make.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["photos", len(head.bias)])
    kept = [shares, *(end for end in graph.output if end.name == POOLED)]
    del graph.output[:]
    graph.output.extend(kept)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def count_numbers(content: bytes) -> int:
    """How many numbers the constants of a network hold."""
    import onnx

    return sum(int(np.prod(one.dims)) for one in onnx.load_from_string(content).graph.initializer)


def _answering(backbone: bytes, head: LinearHead) -> Any:
    forward = Forward(backbone)

    def answer(pictures: np.ndarray) -> np.ndarray:
        return head.probabilities(forward.named_outputs(pictures, [POOLED])[POOLED])

    return answer


def _groups(task: Task) -> np.ndarray:
    """The group of each training photo, as a number; a photo without one is its own."""
    names = [f"group {task.groups[photo.path]}" if photo.path in task.groups else photo.path for photo in task.train]
    return np.unique(names, return_inverse=True)[1]
