"""Which warnings of a journal still hold."""

from collections.abc import Sequence

from hsiauto.search.events import Event, Proposed, Warned, of


def standing_warnings(events: Sequence[Event]) -> list[str]:
    """Texts of the warnings in a journal that still hold: of families left out, those that have had no trial since."""
    tried, told = {event.family for event in of(Proposed, events)}, of(Warned, events)
    outdated = [event for event in told if event.about == "budget"][:-1]  # a larger budget was judged anew
    standing: list[str] = []
    for event in told:
        text, left_out = event.text, event.families
        if event.about in ("budget", "time"):
            still = [family for family in left_out if family not in tried]
            if not still or event in outdated:
                continue
            text = text.replace(", ".join(left_out), ", ".join(still))
        standing.append(text)
    return standing
