"""optuna.log: a copy of the finished trials for optuna-dashboard. Written only: nothing here is ever read back."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial

from hsiauto.search.optuna_study import Directions, quiet_optuna
from hsiauto.search.trials import TrialState


class Mirror:
    """One Optuna study a family in one file, begun anew by every driver: a torn file of a killed one does no harm."""

    def __init__(self, path: Path, metrics: Sequence[str] = ()) -> None:
        """metrics: what the dashboard calls the objectives; empty: Optuna's own words."""
        self._metrics = list(metrics)
        path.unlink(missing_ok=True)
        for lock in path.parent.glob(f"{path.name}.lock*"):  # of a killed driver: Optuna would wait 30 s for it
            lock.unlink()
        self._storage = JournalStorage(_Unsynced(path))
        self._studies: dict[str, optuna.Study] = {}

    def add(
        self, family: str, trial: FrozenTrial, directions: Directions = ("maximize",), of: TrialState | None = None
    ) -> None:
        """Add one finished trial with its learning curve. `of`: the journal's, which has its name, times and error."""
        if of is not None:
            trial.set_user_attr("trial", of.trial_id)
            if of.error:
                trial.set_user_attr("error", of.error)
            trial.datetime_start = _local(of.started_at or of.proposed_at)  # refused before it started
            trial.datetime_complete = _local(of.finished_at)
        if family not in self._studies:
            with quiet_optuna():
                self._studies[family] = optuna.create_study(
                    study_name=family, storage=self._storage, directions=directions
                )
                if len(self._metrics) == len(directions):
                    self._studies[family].set_metric_names(self._metrics)
        self._studies[family].add_trial(trial)


def _local(at: str) -> datetime | None:
    """A time of the journal as Optuna has it: of this machine's clock, without a zone."""
    return datetime.fromisoformat(at).astimezone().replace(tzinfo=None) if at else None


class _Unsynced(JournalFileBackend):
    """Optuna's, without waiting for the disk: a copy need not outlive a power cut, and a resume writes thousands."""

    def __init__(self, path: Path) -> None:
        self._path, self._dashboard = path, JournalFileSymlinkLock(str(path))
        super().__init__(str(path), self._dashboard)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        self._dashboard.acquire()
        try:
            with self._path.open("ab") as file:
                file.write(lines.encode())
        finally:
            self._dashboard.release()
