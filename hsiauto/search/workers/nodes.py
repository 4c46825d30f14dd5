"""Which nodes get trainings: one on which they all fail at once must not eat the budget. Rules, without Ray."""

from collections.abc import Callable, Mapping

from hsiauto.errors import UserError

IN_A_ROW = 3
"""Trainings that may fail in a row on a node before their first epoch."""


class Nodes:
    """What trainings tell of the nodes that they run on (Ray's ids).

    A training that fails before its first epoch may have met a bad node. So it is tried again: on another node, or on
    the same one after something else has trained there. If it fails again where others train, it is its own fault, and
    no node is blamed for it. A node with IN_A_ROW others in a row is bad if nothing has trained there. One that has
    worked may as well have had a row of bad configs: it is bad only while another one works.
    """

    def __init__(self, able: Callable[[], Mapping[str, str]]) -> None:
        """able: the nodes that are there and have what a training asks for, and their names."""
        self._able = able
        self._at: dict[str, str] = {}
        """Training -> its node, until its first epoch."""
        self._works: set[str] = set()
        """Nodes on which something has trained."""
        self._rows: dict[str, dict[str, str]] = {}
        """Node -> what has failed there since something trained, not by its own fault, and the error."""
        self._failed: dict[str, set[str]] = {}
        """Training -> the nodes on which it failed before its first epoch."""
        self._told: set[str] = set()
        """Nodes that `news` called bad."""
        self._names: dict[str, str] = {}

    def began(self, training: str, node: str) -> None:
        """It runs on `node`; empty: nobody knows."""
        if node:
            self._at[training] = node

    def trained(self, training: str) -> None:
        """It has trained an epoch."""
        if node := self._at.pop(training, ""):
            self._works.add(node)
            self._rows.pop(node, None)

    def failed(self, training: str, error: str) -> bool:
        """Whether its failure is its own: otherwise it goes on as soon as it `may_go_on`."""
        node = self._at.pop(training, "")
        if not node:
            return True  # it has trained, or nobody knows where it ran
        before = self._failed.setdefault(training, set())
        others = self._good() - before - {node}
        is_own = node in before or (node in self._works and (bool(before) or not others))
        before.add(node)
        if not is_own:
            self._rows.setdefault(node, {})[training] = error
        for row in self._rows.values() if is_own else ():
            row.pop(training, None)
        return is_own

    @property
    def bad(self) -> set[str]:
        """Nodes that get no more trainings."""
        if not self._rows:
            return set()
        there = self._there()
        rows = {node for node in there if len(self._rows.get(node, ())) >= IN_A_ROW}
        return rows if self._works & there - rows else rows - self._works

    def avoided(self, training: str) -> set[str]:
        """Nodes on which `training` must not run next."""
        failed = self._failed.get(training, set())
        if (not failed and not self._rows) or not (good := self._good()):
            return set()
        return self.bad | (failed if good - failed else set())

    def may_go_on(self, training: str) -> bool:
        """Whether there is a node that would tell more of `training` than it has shown."""
        failed = self._failed.get(training)
        return not failed or bool(self._good() - failed or self._good() & self._works)

    def none_left(self) -> UserError | None:
        """Why nothing can train, if no node is left."""
        bad = self.bad
        if not bad or self._good():
            return None
        trainings = {training for node in bad for training in self._rows[node]}
        where = " and ".join(sorted({self._names[node] for node in bad}))
        return UserError(
            "trainings need a machine on which they do not all fail before their first epoch",
            f"{len(trainings)} that failed on {where}, the last with: {self._last_error(max(bad))}",
            "Mend what it names, then resume: none of them is lost.",
        )

    def news(self) -> list[tuple[str, str]]:
        """What has changed since the last call: each a subject, and a sentence about it."""
        bad, told = self.bad, self._told
        self._told = bad
        worse = [(f"node {self._names[node]}", self._why_bad(node)) for node in sorted(bad - told)]
        again = [self._names[node] for node in sorted(told - bad) if node in self._able()]
        return worse + [(f"node {name} again", f"{name} gets trainings again: it was not to blame") for name in again]

    def _why_bad(self, node: str) -> str:
        row = f"{len(self._rows[node])} in a row failed there before their first epoch"
        return f"{self._names[node]} gets no more trainings: {row}, the last with: {self._last_error(node)}"

    def _there(self) -> set[str]:
        """Nodes that could train."""
        there = self._able()
        self._names.update(there)
        return set(there)

    def _good(self) -> set[str]:
        return self._there() - self.bad

    def _last_error(self, node: str) -> str:
        *_, last = self._rows[node].values()
        return last.splitlines()[0] if last else ""
