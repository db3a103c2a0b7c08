import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import answers

from tellapart.evaluation.selective import MOST, Threshold, Thresholds, fit_thresholds, rejection


def told(confidences: list[float], right: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of three classes with these confidences."""
    sure = np.array(confidences, dtype=np.float32)
    shares = np.column_stack([sure, 1 - sure, np.zeros_like(sure)])
    return np.where(right, 0, 2), shares


def test_the_promise_counts_one_wrong_photo_more() -> None:
    found = fit_thresholds(*told([0.9, 0.8, 0.8, 0.7, 0.6], [True, True, True, False, True]))
    assert [(row.errors, row.accepted) for row in found.rows] == [(0, 3), (1, 5)]
    assert [row.promised for row in found.rows] == pytest.approx([1 / 4, 2 / 6])
    assert found.rows[0].threshold == pytest.approx(0.75)  # in the middle: 0.8 is in and 0.7 is out
    assert found.rows[1].threshold == 0
    assert found.at(0.3) == found.rows[0]
    assert found.at(0.34) == found.rows[1]
    assert found.at(0.2) is None
    assert found.least == pytest.approx(1 / 4)


def by_hand(labels: np.ndarray, probabilities: np.ndarray, wished: float) -> tuple[int, int] | None:
    """Errors and accepted photos at the lowest threshold that promises it, found by trying all."""
    sure, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != labels
    for at in np.unique(sure):
        errors, accepted = int(wrong[sure >= at].sum()), int((sure >= at).sum())
        if (errors + 1) / (accepted + 1) <= wished:
            return errors, accepted
    return None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(np.linspace(0.51, 1, 25).tolist()), st.booleans()), min_size=1, max_size=40),
    st.floats(0.01, 0.99),
)
def test_the_table_gives_the_lowest_threshold_for_any_rate(photos: list[tuple[float, bool]], wished: float) -> None:
    labels, shares = told([sure for sure, _ in photos], [right for _, right in photos])
    found = fit_thresholds(labels, shares).at(wished)
    assert (None if found is None else (found.errors, found.accepted)) == by_hand(labels, shares, wished)


def test_the_table_stays_small_and_never_promises_too_much() -> None:
    labels, shares = answers(np.random.default_rng(0), 5000, gap=1.0)
    found = fit_thresholds(labels, shares)
    assert len(found.rows) == MOST
    assert found.rows[-1].accepted == 5000
    sure, wrong = shares.max(axis=1), shares.argmax(axis=1) != labels
    for row in found.rows:
        inside = sure >= row.threshold
        assert (int(wrong[inside].sum()), int(inside.sum())) == (row.errors, row.accepted)


def test_last_digits_move_no_photo_across_a_threshold() -> None:
    labels, shares = answers(np.random.default_rng(1), 200)
    found = fit_thresholds(labels, shares).at(0.05)
    assert found is not None
    nudged = shares * (1 + 1e-9)
    assert (nudged.max(axis=1) >= found.threshold).sum() == found.accepted


def test_few_photos_do_not_promise_much() -> None:
    labels, shares = told([0.99] * 50, [True] * 50)
    assert fit_thresholds(labels, shares).at(0.01) is None
    assert fit_thresholds(labels, shares).at(0.02) is not None


@pytest.mark.parametrize(("n", "wished"), [(60, 0.1), (200, 0.05), (200, 0.02), (1000, 0.01)])
def test_the_wished_rate_is_kept_on_average(n: int, wished: float) -> None:
    generator = np.random.default_rng(n)
    fresh_labels, fresh = answers(generator, 20_000)
    sure, wrong = fresh.max(axis=1), fresh.argmax(axis=1) != fresh_labels
    rates, shares = [], []
    for _ in range(400):
        found = fit_thresholds(*answers(generator, n)).at(wished)
        inside = sure >= (2 if found is None else found.threshold)
        rates.append(float(wrong[inside].mean()) if inside.any() else 0.0)
        shares.append(float(inside.mean()))
    assert np.mean(rates) <= wished
    assert np.mean(shares) > 0.15  # it is not kept by silence


def test_the_table_can_be_written_and_read() -> None:
    table = fit_thresholds(*answers(np.random.default_rng(2), 100))
    assert Thresholds.from_dict(table.as_dict()) == table
    for broken in ({"n": 3}, {"n": 0, "thresholds": []}, {"n": 3, "thresholds": [[1]]}, {"thresholds": [[0.5, 0, 1]]}):
        with pytest.raises((KeyError, ValueError)):
            Thresholds.from_dict(broken)


def test_the_curve_ends_at_all_photos_and_knows_its_intervals() -> None:
    valid, test = (answers(np.random.default_rng(seed), n, gap=1.5) for seed, n in ((3, 150), (4, 300)))
    told = rejection(valid, test)
    assert (told["n_valid"], told["n"]) == (150, 300)
    curve = told["curve"]
    assert 2 < len(curve) <= MOST
    coverages = [row["coverage"] for row in curve]
    assert coverages == sorted(coverages)
    assert coverages[0] >= 10 / 300
    assert curve[-1]["coverage"] == 1
    assert curve[-1]["error"] == pytest.approx((test[1].argmax(axis=1) != test[0]).mean())
    for row in curve:
        assert 0 <= row["error_low"] <= row["error"] <= row["error_high"] <= 1
        assert (test[1].max(axis=1) >= row["threshold"]).sum() == row["accepted"]
    assert curve[0]["error"] < curve[-1]["error"]


def test_wished_rates_are_chosen_on_validation_and_measured_on_test() -> None:
    valid, test = (answers(np.random.default_rng(seed), n, gap=1.5) for seed, n in ((3, 150), (4, 300)))
    rows = {row["wished"]: row for row in rejection(valid, test)["wished"]}
    assert list(rows) == [0.01, 0.05, 0.1]
    assert rows[0.01]["threshold"] is None
    assert rows[0.01]["why"] == "cannot be promised with 150 validation photos"
    row, found = rows[0.1], fit_thresholds(*valid).at(0.1)
    assert found is not None
    assert (row["threshold"], row["valid_errors"], row["valid_accepted"]) == (
        found.threshold,
        found.errors,
        found.accepted,
    )
    inside = test[1].max(axis=1) >= found.threshold
    assert row["coverage"] == inside.mean()
    assert row["error"] == (test[1].argmax(axis=1) != test[0])[inside].mean()
    # Other test photos change nothing of the threshold.
    other = rejection(valid, answers(np.random.default_rng(5), 40))["wished"][2]
    assert other["threshold"] == found.threshold


def test_a_threshold_that_no_test_photo_reaches_has_no_error() -> None:
    valid, test = told([0.9] * 30, [True] * 30), told([0.6] * 5, [True] * 5)
    labels, shares = np.append(valid[0], [2] * 30), np.vstack([valid[1], told([0.7] * 30, [False] * 30)[1]])
    row = rejection((labels, shares), test)["wished"][1]
    assert row["threshold"] == pytest.approx(0.8)
    assert (row["coverage"], row["accepted"], row["error"], row["error_low"]) == (0, 0, None, None)


def test_copies_count_as_one_group() -> None:
    valid, (labels, shares) = (answers(np.random.default_rng(seed), 100, gap=1.5) for seed in (6, 7))
    twice = np.repeat(labels, 2), np.repeat(shares, 2, axis=0)
    row, plain = (
        rejection(valid, test, groups)["curve"][-1]
        for test, groups in ((twice, np.repeat(np.arange(100), 2)), ((labels, shares), None))
    )
    assert (row["error_low"], row["error_high"]) == pytest.approx((plain["error_low"], plain["error_high"]), abs=0.01)


def test_a_model_that_is_equally_sure_of_all_has_one_point() -> None:
    shares = np.tile([0.6, 0.4], (20, 1))
    told = rejection((np.zeros(20, int), shares), (np.repeat([0, 1], 10), shares))
    assert [row["coverage"] for row in told["curve"]] == [1.0]
    assert fit_thresholds(np.zeros(20, int), shares).rows == (Threshold(0.0, 0, 20),)
