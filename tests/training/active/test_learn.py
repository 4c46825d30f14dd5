"""The cycles, for every kind of family: labels counted, weights carried on, nothing read that was not asked for."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from hsiauto.families import config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.models.fitted.torch import TorchFitted
from hsiauto.split.model import Pixels
from hsiauto.split.seal import TrialData
from hsiauto.training.active import learn
from hsiauto.training.active.learn import ActiveTrial, Cycle
from hsiauto.training.active.oracle import Oracle
from hsiauto.training.active.recipe import ActiveLabels
from hsiauto.training.trainer import Trainer
from hsiauto.training.trial import Trial
from tests.small_scene import small_data

MARGIN = ActiveLabels(initial=0.1, acquire=0.2, cycles=3)
CONFIGS: dict[str, FamilyConfig] = {
    "cnn2d": config_from({"family": "cnn2d", "components": 4, "width": 8, "depth": 1, "patch": 5}),
    "spectral_memory": config_from({"family": "spectral_memory", "tokens": 4, "width": 8, "depth": 1, "heads": 2}),
    "svm": config_from({"family": "svm"}),
    "forest": config_from({"family": "forest", "n_trees": 5, "features": "multiscale", "components": 3, "sigma": 1.0}),
    "coordinate_1nn": config_from({"family": "coordinate_1nn"}),
}
ELSEWHERE = np.array([7, 8, 9], np.int64)


def run(config: FamilyConfig, data: TrialData, labels: ActiveLabels = MARGIN, **changes: Any) -> ActiveTrial:
    options: dict[str, Any] = {"seed": 0, "max_epochs": 2, "predict": ELSEWHERE} | changes
    trial = ActiveTrial(config, data, labels, **options)
    while not trial.done:
        trial.step()
    return trial


@pytest.mark.parametrize("family", CONFIGS)
def test_every_family_learns_by_its_plan(family: str) -> None:
    data = small_data(80)
    trial = ActiveTrial(CONFIGS[family], data, MARGIN, seed=0, max_epochs=2, predict=ELSEWHERE)
    reports = []
    while not trial.done:
        reports.append(trial.step())
    plan = MARGIN.plan(80, 3)
    assert tuple(cycle.labels for cycle in trial.cycles) == plan
    assert [cycle.acquisition for cycle in trial.cycles] == ["initial", "margin-3", "margin-3", "margin-3"]
    asked = np.concatenate([cycle.acquired for cycle in trial.cycles])
    assert len(np.unique(asked)) == len(asked) == plan[-1], "no label is counted twice"
    assert set(asked.tolist()) <= set(data.train_pixels.tolist())
    assert reports[-1].epoch == trial.max_epochs == 2 * len(plan)
    assert [r.fit_seconds for r in reports] == sorted(r.fit_seconds for r in reports)
    assert all(_predicted(cycle).shape == (3,) for cycle in trial.cycles)
    last = trial.fitted().probabilities(data.cube, data.valid, ELSEWHERE).argmax(axis=1)
    assert np.array_equal(last, _predicted(trial.cycles[-1])), "the last cycle's model is the result"


@pytest.mark.parametrize("family", CONFIGS)
def test_the_first_cycle_is_the_plain_training_on_the_initial_labels(family: str) -> None:
    data = small_data(80)
    active = run(CONFIGS[family], data, MARGIN.model_copy(update={"cycles": 0}))
    start = active.cycles[0].acquired
    labels = data.train_labels[np.searchsorted(data.train_pixels, start)]
    plain = Trial(
        CONFIGS[family],
        replace(data, train_pixels=start, train_labels=labels, pool=data.train_pixels),
        seed=0,
        max_epochs=2,
    )
    while not plain.done:
        plain.step()
    everywhere = np.flatnonzero(data.valid)
    assert np.array_equal(
        active.fitted().probabilities(data.cube, data.valid, everywhere),
        plain.fitted().probabilities(data.cube, data.valid, everywhere),
    )


@pytest.mark.parametrize("family", ["cnn2d", "svm"])
def test_labels_that_were_never_asked_for_change_nothing(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(80)
    before = run(CONFIGS[family], data)
    asked = np.isin(data.train_pixels, np.concatenate([cycle.acquired for cycle in before.cycles]))
    assert not asked.all()
    poisoned = replace(data, train_labels=np.where(asked, data.train_labels, (data.train_labels + 1) % 3))
    start = before.cycles[0].acquired  # its draw is the one thing that reads labels before they are counted
    monkeypatch.setattr(Oracle, "representative", lambda self, n, rng: start)
    after = run(CONFIGS[family], poisoned)
    everywhere = np.flatnonzero(data.valid)
    p_before, p_after = (t.fitted().probabilities(data.cube, data.valid, everywhere) for t in (before, after))
    assert np.array_equal(p_before, p_after)
    assert [c.acquired.tolist() for c in before.cycles] == [c.acquired.tolist() for c in after.cycles]


def test_random_acquisition_is_the_paired_control() -> None:
    data = small_data(80)
    ways = [MARGIN.model_copy(update={"acquisition": how}) for how in ("margin", "entropy", "random")]
    cycles = [run(CONFIGS["cnn2d"], data, way).cycles for way in ways]
    for others in cycles[1:]:
        assert np.array_equal(cycles[0][0].acquired, others[0].acquired)
        assert np.array_equal(_predicted(cycles[0][0]), _predicted(others[0]))
        assert [c.labels for c in others] == [c.labels for c in cycles[0]]
        assert any(not np.array_equal(a.acquired, b.acquired) for a, b in zip(cycles[0], others, strict=True))
    svm = run(CONFIGS["svm"], data, ways[2]).cycles
    assert [c.acquired.tolist() for c in svm] == [c.acquired.tolist() for c in cycles[2]], "for every family the same"


def test_a_seed_decides_everything() -> None:
    data = small_data(80)
    first, again, other = (run(CONFIGS["cnn2d"], data, seed=seed) for seed in (0, 0, 1))
    assert [c.acquired.tolist() for c in first.cycles] == [c.acquired.tolist() for c in again.cycles]
    assert first.cycles[0].acquired.tolist() != other.cycles[0].acquired.tolist()
    for a, b in zip(_weights(first), _weights(again), strict=True):
        assert torch.equal(a, b)


def _predicted(cycle: Cycle) -> npt.NDArray[np.int64]:
    assert cycle.predicted is not None
    return cycle.predicted


def _weights(trial: ActiveTrial) -> list[torch.Tensor]:
    fitted = trial.fitted()
    assert isinstance(fitted, TorchFitted)
    return list(fitted.weights().values())


class _Watched:
    """Notes what each training was given, and trains."""

    seen: list[tuple[dict[str, Any], TrialData]]

    def __init__(self) -> None:
        self.seen = []

    def __call__(self, config: FamilyConfig, data: TrialData, **options: Any) -> Trial:
        self.seen.append((options, data))
        return Trial(config, data, **options)


def test_each_training_goes_on_from_the_last_on_more_labels_and_the_same_preprocessing() -> None:
    data, watched = small_data(80), _Watched()
    trial = run(CONFIGS["cnn2d"], data, trial_type=watched)
    assert ["go_on_from" in options for options, _ in watched.seen] == [False, True, True, True]
    assert len({options["seed"] for options, _ in watched.seen}) == len(watched.seen), "no order is used twice"
    for before, (_, after) in zip([d for _, d in watched.seen], watched.seen[1:], strict=False):
        assert set(before.train_pixels.tolist()) < set(after.train_pixels.tolist())
    projections = [options["go_on_from"].projection for options, _ in watched.seen[1:]]
    fitted = trial.fitted()
    assert isinstance(fitted, TorchFitted)
    assert all(np.array_equal(p.matrix, fitted.projection.matrix) for p in projections)
    truth = data.train_labels
    for _, given in watched.seen:
        assert np.array_equal(given.train_labels, truth[np.searchsorted(data.train_pixels, given.train_pixels)])


def test_weights_are_carried_on_and_prototypes_are_not_set_again() -> None:
    data = small_data(80)
    first = Trainer(CONFIGS["spectral_memory"], data, seed=0, max_epochs=1)  # type: ignore[arg-type]
    [*first.run(1)]
    weights = first.fitted().weights()
    calls: list[int] = []
    second = Trainer(CONFIGS["spectral_memory"], data, seed=1, max_epochs=1, weights=weights)  # type: ignore[arg-type]
    for name, tensor in second.module.state_dict().items():
        assert torch.equal(tensor, weights[name]), name
    second.module.warm_start = lambda *_: calls.append(1)  # type: ignore[assignment]
    [*second.run(1)]
    assert not calls


def test_a_budget_cuts_the_last_batch() -> None:
    plan = MARGIN.plan(80, 3)
    budget = plan[2] - 1
    trial = run(CONFIGS["svm"], small_data(80), MARGIN.model_copy(update={"budget": budget}))
    assert [cycle.labels for cycle in trial.cycles] == [plan[0], plan[1], budget]


def test_acquisition_reads_the_unlabelled_pool_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    data = small_data(80)
    asked: list[Pixels] = []
    real: Callable[..., Pixels] = learn.acquire

    def watch(labels: ActiveLabels, p: Any, pixels: Pixels, n: int, rng: np.random.Generator) -> Pixels:
        asked.append(pixels)
        return real(labels, p, pixels, n, rng)

    monkeypatch.setattr(learn, "acquire", watch)
    trial = run(CONFIGS["svm"], data)
    known: set[int] = set()
    for cycle, unlabelled in zip(trial.cycles, asked, strict=False):
        known |= set(cycle.acquired.tolist())
        assert set(unlabelled.tolist()) == set(data.train_pixels.tolist()) - known
