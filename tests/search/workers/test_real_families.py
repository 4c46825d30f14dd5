"""Early stopping on real learning curves."""

import math

import pytest

from hsiauto.families import config_from, costs
from hsiauto.families.base import FamilyConfig
from hsiauto.search.engine import Engine
from hsiauto.search.events import Ended, Event, Reported
from hsiauto.search.journal import Journal
from hsiauto.search.learning_curves import Completed, curve
from hsiauto.search.rungs import Rungs
from hsiauto.search.screen import Cost
from hsiauto.search.trials import TrialState, fold, trials
from hsiauto.split.seal import TrialData
from hsiauto.training.trial import Trial
from tests.search import fakes, real

DEEP = ("cnn2d", "spectral_memory")
CONFIG = fakes.run_config(budget=20, max_epochs=9, grace_epochs=1, reduction=3)


@pytest.fixture(scope="module")
def events(small_split: TrialData, tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """A search over both deep families, trained here, trial after trial."""

    def cost(config: FamilyConfig) -> Cost:
        size = small_split.cube.shape[2], small_split.n_classes
        return Cost(costs.parameters(config, *size), costs.macs(config, *size))

    with Journal(tmp_path_factory.mktemp("run") / "journal.jsonl") as journal:
        engine = Engine(journal, CONFIG, real.small_space(small_split, DEEP), cost, config_from)
        while (training := engine.next()) is not None:
            engine.start(training.trial_id, training.attempt, "node", "cpu", 1)
            trial = Trial(training.config, small_split, seed=CONFIG.seed, max_epochs=CONFIG.max_epochs, n_threads=1)
            while engine.report(training.trial_id, training.attempt, trial.step()) == "continue":
                pass
        return journal.events


def test_each_deep_family_with_four_trials_has_a_stop_and_a_completion(events: list[Event]) -> None:
    for family in DEEP:
        states = [trial.state for trial in trials(events).values() if trial.family == family]
        assert len(states) >= 4
        assert {"stopped", "completed"} <= set(states), family


@pytest.mark.parametrize("family", DEEP)
@pytest.mark.parametrize("others", [0.0, -1.0, 1.0, math.nan])
def test_a_replay_decides_alike_whatever_the_other_family_scores(
    events: list[Event], family: str, others: float
) -> None:
    """Rungs and what a family has completed decide; the scores of the other family are moved by `others`. NaN is
    shown to rungs alone: the noise of a score is that of all families, and a trial with NaN never completes.
    """
    rungs = Rungs(CONFIG.scheduler, CONFIG.max_epochs, CONFIG.grace_epochs, CONFIG.reduction)
    completed, states, mine = Completed("kappa"), dict[str, TrialState](), 0
    for event in events:
        if isinstance(event, Reported):
            trial = states[event.trial_id]
            own, epoch = trial.family == family, event.epoch
            score = event.val_kappa + (0.0 if own else others)
            if not math.isnan(score):
                event = event.model_copy(update={"val_kappa": score})
            tells = completed.tells(trial.family, epoch)
            goes_on = rungs.goes_on(trial.family, trial.trial_id, epoch, score) or not tells
            if goes_on and tells and rungs.judges(epoch):
                so_far = curve(trial, "kappa") | {epoch: score}
                goes_on = not completed.why_cannot_win(trial.family, so_far)
            if own:
                assert goes_on == (event.decision != "stop"), event
                mine += 1
        fold(states, event)
        if isinstance(event, Ended) and event.state == "completed":
            completed.add(states[event.trial_id])
    assert mine > 4
