"""An Optuna study in memory that follows the journal, and forgets every question as soon as it is answered.

So what it holds is a function of the journal, whether it grew with a search or was made by a resume; and a question
costs what the sampler takes, without making all trials anew.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial

from hsiauto.search.trials import TrialState

Directions = tuple[Literal["maximize", "minimize"], ...]


class FollowedStudy:
    """Trials in the order of their proposals. `follow` before each `ask`; `forget` after it."""

    def __init__(self, directions: Directions = ("maximize",)) -> None:
        self._storage = _Storage()
        with quiet_optuna():
            self._study = optuna.create_study(storage=self._storage, directions=directions)
        self._id = self._storage.get_study_id_from_name(self._study.study_name)
        self._numbers: dict[str, int] = {}
        """Trial id of the journal -> number in the study."""
        self._open: set[str] = set()
        self._attributes: dict[str, Any] = {}
        """System attributes of the study, as the journal has them."""

    @property
    def first(self) -> str:
        """Trial id of the journal of the first trial that it follows; empty: none yet."""
        return next(iter(self._numbers), "")

    def follow(self, past: Sequence[TrialState], frozen: Callable[[TrialState], FrozenTrial]) -> None:
        """Bring the study to where the journal stands. past: the trials of earlier calls, and later ones after them.

        frozen: a journalled trial as Optuna's.
        """
        for trial in past:
            if trial.trial_id not in self._numbers:
                self._add(trial, frozen(trial))
            elif trial.trial_id in self._open and trial.ended:
                self._finish(trial, frozen(trial))
        self._storage.put_attributes(self._id, self._attributes)  # refused draws may have moved them on

    def ask(self, sampler: BaseSampler) -> optuna.Trial:
        """A trial to suggest parameters for."""
        self._study.sampler = sampler
        return self._study.ask()

    def attributes(self, trial: optuna.Trial) -> dict[str, dict[str, Any]]:
        """System attributes, in which samplers keep what they want to find again: of the trial and of the study."""
        return {
            "trial": self._storage.get_trial_system_attrs(self._trial_id(trial.number)),
            "study": self._storage.get_study_system_attrs(self._id),
        }

    def forget(self, trial: optuna.Trial) -> None:
        """Take back the last question. Once journalled, its answer comes with the next `follow`."""
        self._storage.take_back(self._trial_id(trial.number))

    def _trial_id(self, number: int) -> int:
        """The storage's id of a trial."""
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def _add(self, trial: TrialState, frozen: FrozenTrial) -> None:
        self._numbers[trial.trial_id] = len(self._numbers)
        if not trial.ended:
            self._open.add(trial.trial_id)
        self._study.add_trial(frozen)
        self._attributes |= trial.sampler_state.get("study", {})

    def _finish(self, trial: TrialState, frozen: FrozenTrial) -> None:
        self._open.remove(trial.trial_id)
        trial_id = self._trial_id(self._numbers[trial.trial_id])
        for step, value in frozen.intermediate_values.items():
            self._storage.set_trial_intermediate_value(trial_id, step, value)
        self._storage.set_trial_state_values(trial_id, frozen.state, frozen.values)


class _Storage(InMemoryStorage):
    """Optuna's, whose last trial can be taken back: a draw that is not used must leave no trace, not even a number.

    Nothing public deletes a trial. A new study for each question would: with 200 trials its making takes 26 ms, and a
    draw of TPE 14 ms. So this class, and no other, reaches into Optuna's own.
    """

    def take_back(self, trial_id: int) -> None:
        study_id, number = self._trial_id_to_study_id_and_number.pop(trial_id)
        last = self._studies[study_id].trials.pop()
        assert last.number == number, "the last question is taken back first"

    def put_attributes(self, study_id: int, attributes: dict[str, Any]) -> None:
        self._studies[study_id].system_attrs = dict(attributes)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Within: no log line for each study, and no warning about samplers and choices that we use knowingly."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
