"""The journal of a search and the trials in it, kept in step."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from hsiauto.search.events import Event, Proposed, Warned, of
from hsiauto.search.journal import Journal
from hsiauto.search.trials import TrialState, fold, recent, trials

OnEvent = Callable[[Event], None]


class Ledger:
    """Writes events: into the journal first, then into `trials`, then to whoever listens."""

    def __init__(self, journal: Journal, on_event: OnEvent | None = None) -> None:
        self._journal, self._on_event = journal, on_event
        self.trials: dict[str, TrialState] = trials(journal.events)
        self.of_family: dict[str, list[TrialState]] = defaultdict(list)
        """The same, by family."""
        self.taken: dict[str, set[str]] = defaultdict(set)
        """Hashes of the configs that were proposed, by family."""
        for trial in self.trials.values():
            self._index(trial)
        self._warned = {(event.about, event.families) for event in of(Warned, journal.events)}

    @property
    def events(self) -> Sequence[Event]:
        return self._journal.events

    @property
    def recent(self) -> list[TrialState]:
        """The later trials of each family."""
        return [trial for own in self.of_family.values() for trial in recent(own)]

    def write(self, event: Event) -> None:
        """Raises UserError if the journal cannot be written."""
        written = self._journal.append(event)
        fold(self.trials, written)
        if isinstance(written, Proposed):
            self._index(self.trials[written.trial_id])
        if self._on_event is not None:
            self._on_event(written)

    def warn(self, about: str, text: str, families: Sequence[str] = ()) -> None:
        """Write a warning once in a journal for each subject and its families."""
        if (about, tuple(families)) not in self._warned:
            self._warned.add((about, tuple(families)))
            self.write(Warned(about=about, text=text, families=tuple(families)))

    def _index(self, trial: TrialState) -> None:
        self.of_family[trial.family].append(trial)
        self.taken[trial.family].add(trial.config_hash)
