"""The two objects through which Ray Tune talks to the engine: one asks for trials, the other hands in what they say."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from hsiauto.errors import UserError
from hsiauto.search.engine import Engine, Training
from hsiauto.search.workers.faults import Silence, end_of
from hsiauto.search.workers.nodes import Nodes
from hsiauto.search.workers.placement import away_from, node_at
from hsiauto.search.workers.pulse import Pulse
from hsiauto.training.trial import Report


class _NotRestored:
    """Tune pickles its searcher and scheduler for `Tuner.restore`, which is not used: the journal has it all."""

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save."""


class NoReporter(tune.ProgressReporter):
    """In a notebook Tune's own one would clear the cell, whatever `verbose` is."""

    def should_report(self, trials: Any, done: bool = False) -> bool:
        return False


OVERDUE_S = 5.0
"""For this time after the deadline trials may finish their epoch."""


class EngineSearcher(_NotRestored, Searcher):
    """Tune asks, the engine proposes. Outcomes reach the engine through the scheduler."""

    def __init__(
        self, engine: Engine, nodes: Nodes, prepare: Callable[[Training], None], stop: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._engine, self._nodes, self._prepare, self._stop = engine, nodes, prepare, stop

    def suggest(self, trial_id: str) -> Any:
        if self._stop():
            return Searcher.FINISHED
        if (none_left := self._nodes.none_left()) is not None:
            if self._engine.waits:  # which may show that a node works
                return None
            raise none_left
        training = self._engine.next()
        if training is None:
            return None if self._engine.waits else Searcher.FINISHED
        self._prepare(training)
        return {
            "trial_id": training.trial_id,
            "attempt": training.attempt,
            "epochs_known": training.epochs_known,
            "config": training.config.active(),
        }

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Nothing: a trial's end was journalled with its last report or its error."""


class EngineScheduler(_NotRestored, FIFOScheduler):
    """Reports go to the engine, and its decision back, before Tune does anything else with them."""

    _supports_buffered_results = False

    def __init__(
        self,
        engine: Engine,
        nodes: Nodes,
        worth_saving: Callable[[str], bool],
        ended: Callable[[str], None],
        silence: Silence,
        stop: Pulse,
    ) -> None:
        super().__init__()
        self._engine, self._worth_saving, self._ended, self._silence = engine, worth_saving, ended, silence
        self._nodes, self._stop = nodes, stop

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Tune has not asked for a worker yet, and gives none to a trial that asks for another place."""
        trial.init_local_path()  # else only at its start, and Tune's table of results fails on one that never starts
        if avoided := self._nodes.avoided(trial.config["trial_id"]):
            bundles = trial.placement_group_factory.bundles
            selectors = [away_from(avoided)] * len(bundles)
            trial.update_resources(tune.PlacementGroupFactory(bundles, bundle_label_selector=selectors))

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        trial_id, attempt = trial.config["trial_id"], trial.config["attempt"]
        self._silence.heard(trial)
        match result["message"]:
            case "here":
                if result["node_id"] not in self._nodes.avoided(trial_id):
                    self._nodes.began(trial_id, result["node_id"])
                    return str(TrialScheduler.CONTINUE)
                self._engine.put_back(trial_id, attempt)  # the node went bad on its way there
            case "started":
                self._start(trial_id, attempt, result)
                return str(TrialScheduler.CONTINUE)
            case "report":
                self._nodes.trained(trial_id)
                report = Report(**{field.name: result[field.name] for field in fields(Report)})
                decision = self._engine.report(trial_id, attempt, report)
                # A completed trial whose weights are kept is asked once more: to save them.
                if decision == "continue" or (decision == "complete" and self._worth_saving(trial_id)):
                    return str(TrialScheduler.CONTINUE)
            case "failed":
                if self._engine.trials[trial_id].attempt < attempt:
                    self._start(trial_id, attempt, result)
                if result["is_own"] or self._is_own(trial_id, attempt, f"{result['node']}: {result['error']}"):
                    self._engine.fail(trial_id, attempt, result["error"], result["peak_memory_bytes"])
            case "unsaved":
                self._engine.set_aside(trial_id, attempt, f"its checkpoint was not saved: {result['error']}")
                if result["is_full"]:
                    raise UserError(
                        "checkpoints need space in `storage`, or else in the run folder",
                        f"a full disk ({result['node']}: {result['error']})",
                        "Free some space and resume the run: its trials go on.",
                    )
            case "saved":
                pass
        self._ended(trial_id)
        return str(TrialScheduler.STOP)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        self._stop.check()  # with Ray every worker ends, and none of the trials is to blame
        trial_id, attempt, end = trial.config["trial_id"], trial.config["attempt"], end_of(trial)
        if end.address and self._engine.trials[trial_id].attempt < attempt:  # it may have died before it said where
            self._nodes.began(trial_id, node_at(end.address))
        if not self._is_own(trial_id, attempt, end.words):
            pass
        elif end.raised:
            self._engine.fail(trial_id, attempt, f"its worker gave up: {end.words}")
        else:
            self._engine.lose(trial_id, attempt, end.words)
        self._ended(trial_id)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """Tune calls this in every round, reports or not: here is ended what must stop, is overdue or hangs."""
        if self._stop():
            self._engine.interrupt()
            for trial in list(tune_controller.get_live_trials()):
                tune_controller.stop_trial(trial)
            return None
        if self._engine.overdue(OVERDUE_S):
            for trial in list(tune_controller.get_live_trials()):
                self._engine.expire(trial.config["trial_id"], trial.config["attempt"])
                self._ended(trial.config["trial_id"])
                tune_controller.stop_trial(trial)
            return None
        running = [trial for trial in tune_controller.get_live_trials() if trial.status == trial.RUNNING]
        for trial in self._silence.hung(running):
            trial_id, attempt = trial.config["trial_id"], trial.config["attempt"]
            if self._is_own(trial_id, attempt, self._silence.reason):
                self._engine.fail(trial_id, attempt, self._silence.reason)
            ray.kill(trial.temporary_state.ray_actor)  # Tune hears of its death and starts another worker
        return super().choose_trial_to_run(tune_controller)

    def _is_own(self, trial_id: str, attempt: int, error: str) -> bool:
        """Whether its failure is the trial's own. If it may be the machine's, it has been given back."""
        if not self._engine.is_at_work(trial_id, attempt):  # it hung, and has been given back
            return True
        is_own = self._nodes.failed(trial_id, error)
        if not is_own:
            self._engine.give_back(trial_id, attempt, f"failed before its first epoch: {error}")
        for about, text in self._nodes.news():
            self._engine.warn(about, text)
        return is_own

    def _start(self, trial_id: str, attempt: int, result: dict[str, Any]) -> None:
        self._engine.start(trial_id, attempt, result["node"], result["device"], result["pid"], result["note"])
