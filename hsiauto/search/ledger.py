"""The journal of a search and the trials in it, kept in step."""

from collections.abc import Callable, Sequence

from hsiauto.search.events import Event, Warned, of
from hsiauto.search.journal import Journal
from hsiauto.search.trials import TrialState, fold, trials

OnEvent = Callable[[Event], None]


class Ledger:
    """Writes events: into the journal first, then into `trials`, then to whoever listens."""

    def __init__(self, journal: Journal, on_event: OnEvent | None = None) -> None:
        self._journal, self._on_event = journal, on_event
        self.trials: dict[str, TrialState] = trials(journal.events)

    @property
    def events(self) -> Sequence[Event]:
        return self._journal.events

    def write(self, event: Event) -> None:
        """Raises UserError if the journal cannot be written."""
        written = self._journal.append(event)
        fold(self.trials, written)
        if self._on_event is not None:
            self._on_event(written)

    def warn(self, about: str, text: str, families: Sequence[str] = ()) -> None:
        """Write a warning once in a journal for each subject and its families."""
        told = of(Warned, self.events)
        if not any((event.about, event.families) == (about, tuple(families)) for event in told):
            self.write(Warned(about=about, text=text, families=tuple(families)))
