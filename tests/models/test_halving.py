from types import SimpleNamespace
from typing import Any

from optuna.trial import TrialState

from tellapart.models.halving import IN_VAIN, RUNGS, Rival, cost_of, is_behind, is_in_vain, rivals_among


def curve(*losses: float) -> dict[int, float]:
    return dict(enumerate(losses, start=1))


def trial(state: TrialState, value: float | None = None, losses: dict[int, float] | None = None) -> Any:
    return SimpleNamespace(state=state, value=value, intermediate_values=losses or {}, params={})


def rival(*losses: float, cost: float = 1.0) -> Rival:
    return Rival(finished=True, losses=curve(*losses), cost=cost)


def test_the_worse_half_ends_at_the_first_rung() -> None:
    others = [rival(0.9, 0.8), rival(0.9, 0.6), rival(0.9, 0.5)]
    assert is_behind(curve(0.9, 0.7), others)  # third of four
    assert not is_behind(curve(0.9, 0.55), others)  # second of four
    assert not is_behind(curve(0.9, 0.1), others)


def test_what_counts_is_the_lowest_loss_so_far() -> None:
    assert not is_behind(curve(0.4, 0.9), [rival(0.5, 0.6, 0.1)])  # the rival's third epoch comes after the rung
    assert is_behind(curve(0.9, 0.9), [rival(0.5, 1.0, 2.0)])


def test_between_rungs_nothing_ends() -> None:
    for n_epochs in range(1, 40):
        losses = curve(*[5.0] * n_epochs)
        assert is_behind(losses, [rival(*[1.0] * 60)]) == (n_epochs in RUNGS)


def test_the_first_trial_and_one_as_good_as_the_others_go_on() -> None:
    assert not is_behind(curve(0.9, 0.9), [])
    assert not is_behind(curve(0.9, 0.9), [rival(0.9, 0.9)])


def test_only_trials_that_came_to_a_rung_are_rivals_there() -> None:
    ended = trial(TrialState.COMPLETE, 0.5, curve(0.5, 0.6, 0.7))
    stopped = trial(TrialState.PRUNED, None, curve(0.9, 0.9))
    others = [trial(TrialState.FAIL, None, curve(0.1, 0.1)), trial(TrialState.RUNNING, None, curve(0.1, 0.1))]
    empty = trial(TrialState.COMPLETE, 0.5)
    rivals = rivals_among([ended, stopped, *others, empty])
    assert [one.losses for one in rivals if one.came_to(2)] == [ended.intermediate_values, stopped.intermediate_values]
    assert [one.losses for one in rivals if one.came_to(4)] == [ended.intermediate_values]


def test_rungs_are_of_equal_cost() -> None:
    cost = cost_of({"image_scale": 0.5, "width": 1.0})
    assert (cost, cost_of({"width": 1.0}), cost_of({"image_scale": 0.75})) == (0.25, 1.0, 0.5625)
    dear = [rival(0.9, 0.6, 0.1)]
    for n_epochs in range(1, 40):
        assert is_behind(curve(*[0.8] * n_epochs), dear, cost) == (n_epochs in {8, 16, 32})
    assert not is_behind(curve(*[0.8] * 7, 0.5), dear, cost)
    assert [n for n in range(1, 20) if is_behind(curve(*[0.8] * n), dear, 0.5625)] == [4, 8, 15]
    cheap = [rival(*[0.7] * 8, 0.1, cost=cost)]  # its ninth epoch comes after the rung
    assert is_behind(curve(0.9, 0.8), cheap)
    assert not is_behind(curve(0.9, 0.65), cheap)
    assert not Rival(finished=False, losses=curve(*[0.7] * 8), cost=cost).came_to(4)


def test_a_search_in_which_nothing_gets_better_ends() -> None:
    poor = [trial(TrialState.PRUNED), trial(TrialState.COMPLETE, 0.6), trial(TrialState.FAIL)]
    trials = [trial(TrialState.COMPLETE, 0.7), trial(TrialState.COMPLETE, 0.5)]
    trials += [poor[number % 3] for number in range(IN_VAIN - 1)]
    assert not is_in_vain(trials)
    assert not is_in_vain([*trials, trial(TrialState.RUNNING)])
    assert is_in_vain([*trials, poor[0]])
    assert not is_in_vain([*trials, trial(TrialState.COMPLETE, 0.4), poor[0]])
