"""A model file of 8 bits: quantised, what was fitted on validation fitted anew, and judged by what it costs."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import onnx

from tellapart.deploy.golden import TOLERANCE, as_golden
from tellapart.deploy.quantise import SAMPLE, WEIGHT_BITS, quantise
from tellapart.deploy.runtime import HEAT, PROBABILITIES, STRANGER, Model
from tellapart.deploy.seal import sealed, without_output
from tellapart.evaluation.conformal import fit_conformal
from tellapart.evaluation.intervals import mean_difference
from tellapart.evaluation.metrics import score, test_score
from tellapart.evaluation.selective import fit_thresholds
from tellapart.evaluation.strangers import QUANTILE
from tellapart.models.forward import BATCH, Forward, runtime_session

MOST: Final = 0.005  # of the accuracy on validation photos; what costs more is no default
GOLDEN: Final = 3
# Golden photos are those that would be answered within half the tolerance of loading by other kernels, too.
STEADY: Final = TOLERANCE / 2
_STRANGER_SCALE: Final = 10  # that tolerance is as many times larger for distances
_THRESHOLD: Final = f"{STRANGER}_threshold"  # a constant of the graph: `stranger_output` divides by it


@dataclass(frozen=True)
class Shown:
    """Photos at a network's size, (photos, size, size, 3), uint8, their class numbers, and the group of each."""

    pictures: np.ndarray
    labels: np.ndarray
    groups: np.ndarray


@dataclass(frozen=True)
class Int8:
    """A quantised model file, and what it costs.

    Attributes:
        content: The bytes of the file.
        told: For export.json: `how` it was made, and by part of the photos its accuracy and log loss beside those of
            the model in float32, and their difference, paired, with its 95 % interval.
        accepted: Whether it may stand in for the model: it costs at most 0.5 points on validation photos.
        why: That decision in words.
    """

    content: bytes
    told: dict[str, Any]
    accepted: bool
    why: str


def int8_file(model: Model, sample: np.ndarray, valid: Shown, test: Shown | None) -> Int8:
    """Quantise a model file.

    The temperature stays; thresholds, prediction sets and the distance from which on a photo is a stranger are found
    anew with the validation photos, by the quantised network itself, and so are the answers of the golden photos.

    Args:
        model: In float32.
        sample: Photos that it learned from, (photos, size, size, 3).
        valid: The photos that it validated with; they decide.
        test: Those set aside, for the record; None where the model saw every photo.
    """
    network = quantise(model.content, sample)
    network = _with_threshold(network, outputs_of(network, valid.pictures), model)
    before = {name: outputs_of(model.content, part.pictures) for name, part in _parts(valid, test).items()}
    after = {name: outputs_of(network, part.pictures) for name, part in _parts(valid, test).items()}
    costs = {
        name: cost(part, before[name][PROBABILITIES], after[name][PROBABILITIES])
        for name, part in _parts(valid, test).items()
    }
    how = {
        "sample": len(sample),
        "ranges": "smallest and largest",
        "weight_bits": WEIGHT_BITS,
        "activation_bits": 8,
        "test_scores_of": "float32" if test is None else "int8",
    }
    passport = _passport(model, network, valid, after["valid"]) | {"quantisation": how}
    passport["scores"] = _scores(model, valid, test, after)
    accepted = costs["valid"]["difference"] >= -MOST
    return Int8(
        sealed(network, passport),
        {"how": how, **costs},
        accepted,
        _why(costs["valid"], accepted=accepted),
    )


def sample_of(labels: np.ndarray, seed: int, n: int = SAMPLE) -> np.ndarray:
    """Positions of about `n` photos, as many of each class as there are of it, drawn by a seed; sorted."""
    generator = np.random.default_rng(seed)
    classes = np.unique(labels)
    each = math.ceil(n / len(classes))
    drawn = [generator.permutation(np.flatnonzero(labels == number))[:each] for number in classes]
    return np.sort(np.concatenate(drawn))


def outputs_of(content: bytes, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """The outputs of a network for photos, some at a time; but for the heat maps, which take longer than all others."""
    forward = Forward(without_output(content, HEAT))
    some = [forward.named_outputs(pictures[start : start + BATCH]) for start in range(0, len(pictures), BATCH)]
    return {name: np.concatenate([one[name] for one in some]) for name in some[0]}


def cost(part: Shown, before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    """What changed on some photos: accuracy and log loss, and the difference of the accuracies, paired.

    Args:
        part: The photos.
        before: Probabilities in float32, (photos, classes).
        after: Probabilities of the quantised network.
    """
    right = [(shares.argmax(axis=1) == part.labels).astype(int) for shares in (before, after)]
    low, high = mean_difference(right[1] - right[0], part.groups)
    old, new = score(part.labels, before), score(part.labels, after)
    return {
        "n": len(part.labels),
        "accuracy": new.accuracy,
        "accuracy_float": old.accuracy,
        "difference": float((right[1] - right[0]).mean()),
        "low": low,
        "high": high,
        "log_loss": new.log_loss,
        "log_loss_float": old.log_loss,
    }


def unsteadiness(network: bytes, pictures: np.ndarray) -> np.ndarray:
    """How far the answer to each photo depends on the order of roundings, (photos,), as a difference of probabilities.

    The kernels of 8 bits are held against the same network reckoned in float32, operator by operator.
    """
    content = without_output(network, HEAT)
    sessions = [runtime_session(content, optimised=optimised) for optimised in (True, False)]
    names = [end.name for end in sessions[0].get_outputs() if end.name in {PROBABILITIES, STRANGER}]
    found = []
    for start in range(0, len(pictures), BATCH):
        some = {"photo": pictures[start : start + BATCH].astype(np.float32)}
        quick, plain = (dict(zip(names, session.run(names, some), strict=True)) for session in sessions)
        distances = np.abs(quick[PROBABILITIES] - plain[PROBABILITIES]).max(axis=1)
        if STRANGER in names:
            distances = np.maximum(distances, np.abs(quick[STRANGER] - plain[STRANGER]) / _STRANGER_SCALE)
        found.append(distances)
    return np.concatenate(found)


def _parts(valid: Shown, test: Shown | None) -> dict[str, Shown]:
    return {"valid": valid} | ({} if test is None else {"test": test})


def _with_threshold(network: bytes, outputs: Mapping[str, np.ndarray], model: Model) -> bytes:
    """Move the distance from which on a photo is a stranger to where it leaves out as many validation photos."""
    if STRANGER not in outputs:
        return network
    distances = np.sort(outputs[STRANGER])
    quantile = float((model.passport.get("stranger") or {}).get("quantile") or QUANTILE)
    factor = distances[min(math.ceil((len(distances) + 1) * quantile), len(distances)) - 1]
    changed = onnx.load_from_string(network)
    for constant in changed.graph.initializer:
        if constant.name == _THRESHOLD:
            moved = onnx.numpy_helper.to_array(constant) * factor
            constant.CopyFrom(onnx.numpy_helper.from_array(moved.astype(np.float32), _THRESHOLD))
    return bytes(changed.SerializeToString(deterministic=True))


def _passport(model: Model, network: bytes, valid: Shown, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What the file says of itself: as the model does, but for what was found anew."""
    answered = valid.labels, outputs[PROBABILITIES]
    passport = {**model.passport, "precision": "int8"}
    if passport.get("rejection"):
        passport["rejection"] = fit_thresholds(*answered).as_dict()
    if passport.get("conformal"):
        passport["conformal"] = asdict(fit_conformal(*answered))
    if passport.get("stranger") and STRANGER in outputs:
        passport["stranger"] = {**passport["stranger"], "n": len(valid.labels)}
    places = golden_places(valid.labels, unsteadiness(network, valid.pictures))
    answers = [{name: output[at] for name, output in outputs.items()} for at in places]
    pictures = (valid.pictures[at] for at in places)
    passport["golden"] = [as_golden(*pair, model.classes) for pair in zip(pictures, answers, strict=True)]
    return passport


def golden_places(labels: np.ndarray, unsteady: np.ndarray) -> list[int]:
    """The steadiest photos, each of a class of its own as long as there are classes; one at least.

    Args:
        labels: Class numbers, (photos,).
        unsteady: As `unsteadiness` gives it, (photos,).
    """
    order = [int(place) for place in np.argsort(unsteady, kind="stable")]
    first = {int(labels[place]): place for place in reversed(order)}
    chosen = sorted(first.values(), key=order.index)
    ranked = [*chosen, *(place for place in order if place not in chosen)]
    return [place for place in ranked if unsteady[place] <= STEADY][:GOLDEN] or order[:1]


def _scores(
    model: Model, valid: Shown, test: Shown | None, outputs: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[str, Any]:
    """Its own scores; without test photos those of the model in float32 (`quantisation` says which they are)."""
    own = {"valid": asdict(score(valid.labels, outputs["valid"][PROBABILITIES]))}
    if test is not None:
        shares = outputs["test"][PROBABILITIES]
        return {**own, "test": asdict(test_score(test.labels, shares, test.groups))}
    return {**own, "test": (model.passport.get("scores") or {}).get("test")}


def _why(told: Mapping[str, Any], *, accepted: bool) -> str:
    lost = round(-told["difference"] * told["n"])
    change = f"{abs(lost)} {'fewer' if lost > 0 else 'more'}" if lost else "as many"
    verdict = "at most" if accepted else "more than"
    return (
        f"of {told['n']} validation photos it gets {change} right ({100 * told['accuracy']:.1f} %, in float32 "
        f"{100 * told['accuracy_float']:.1f} %; difference {100 * told['difference']:+.1f} points, 95 % interval "
        f"{100 * told['low']:+.1f} to {100 * told['high']:+.1f}): it costs {verdict} {100 * MOST:g} points"
    )
