import numpy as np
import pytest
from tiny_model import tiny_model

from tellapart.deploy.agreement import MOST, Reference, agreement, check_agreement, golden_of
from tellapart.deploy.runtime import Model
from tellapart.errors import TellapartError

SHARES = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]] * 20)
PICTURES = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)


def test_golden_photos_come_with_their_answers() -> None:
    model = Model(tiny_model().content, "model.onnx")
    golden = golden_of(model)
    assert golden.name == "golden"
    assert golden.pictures.shape == (3, 16, 16, 3)
    answers = np.stack(
        [answer.probabilities for answer in model.answer_pixels(golden.pictures) if answer.probabilities is not None]
    )
    assert np.allclose(golden.probabilities, answers, atol=1e-5)


def test_classes_and_the_largest_difference_are_counted_over_all_batches() -> None:
    given = SHARES.copy()
    given[37] = [0.5, 0.2, 0.3]
    found = agreement(lambda pictures: given[pictures[:, 0, 0, 0]], Reference("test", PICTURES, SHARES))
    assert found == {"n": 40, "same": 39, "share": 39 / 40, "largest_difference": pytest.approx(0.4)}


def test_a_small_difference_is_accepted_and_a_large_one_or_no_number_is_not() -> None:
    told = {"n": 3, "same": 3, "share": 1.0}
    check_agreement("keras", {"golden": {**told, "largest_difference": MOST}})
    for difference in (2 * MOST, float("nan")):
        with pytest.raises(TellapartError, match=r"openvino: of 3 test photos 3 get the same class.*not handed over"):
            check_agreement("openvino", {"test": {**told, "largest_difference": difference}})
