"""Events that a journal could hold, with whatever a test does not care about filled in."""

import json
from collections.abc import Iterable
from typing import Any

from hsiauto.families.base import FamilyConfig, hash_of
from hsiauto.search.events import Cycle, Ended, Event, Opened, Placed, Proposed, Refit, Reported, Started, to_line
from hsiauto.search.trials import TrialState, trials

T1 = "t0001"


def opened(**fields: Any) -> Opened:
    blank: dict[str, Any] = {"config": {"scene": {"data_dir": None}}, "scene": "demo", "data_hash": "d", "n_classes": 3}
    blank |= {"class_names": ("a", "b", "c"), "split_hash": "s", "notes": (), "versions": {}, "git_commit": None}
    return Opened(**(blank | fields))


def proposed(trial_id: str = T1, of: FamilyConfig | None = None, **fields: Any) -> Proposed:
    blank: dict[str, Any] = {"number": 1, "family": "quick", "input": "pixel", "params": {}, "config": {}, "support": 0}
    blank |= {"config_hash": trial_id, "parameters": 1, "macs": 1, "origin": "sampler", "sampler_state": {}}
    if of is not None:
        blank |= {"family": of.family, "input": of.input, "support": of.support}
        blank |= {"config": of.active(), "config_hash": of.hash()}
    return Proposed(trial_id=trial_id, **(blank | fields))


def started(trial_id: str = T1, attempt: int = 1, **fields: Any) -> Started:
    return Started(trial_id=trial_id, attempt=attempt, **{"node": "n", "device": "cpu", "pid": 7, **fields})


def reported(trial_id: str = T1, epoch: int = 1, kappa: float = 0.5, **fields: Any) -> Reported:
    blank: dict[str, Any] = {"attempt": 1, "train_loss": 1.0, "val_loss": 1.0, "val_oa": kappa, "val_aa": kappa}
    blank |= {"val_kappa": kappa, "fit_seconds": float(epoch), "peak_memory_bytes": 1, "decision": "continue"}
    return Reported(trial_id=trial_id, epoch=epoch, **(blank | fields))


def ended(trial_id: str = T1, **fields: Any) -> Ended:
    return Ended(trial_id=trial_id, **{"attempt": 1, "state": "completed", **fields})


def refit(key: str, **fields: Any) -> Refit:
    blank: dict[str, Any] = {"kind": "refit", "family": "svm", "input": "features", "config": {}, "config_hash": key}
    blank |= {"support": 0, "seed": 0, "split_seed": 0, "max_epochs": 1, "state": "completed"}
    return Refit(key=key, **(blank | fields))


def cycle(key: str, number: int, **fields: Any) -> Cycle:
    blank: dict[str, Any] = {"labels": number, "acquisition": "random", "acquired": (), "acquire_seconds": 0.0}
    blank |= {"epochs": 1, "fit_seconds": 1.0, "train_loss": 1.0, "val_oa": 0.5, "val_aa": 0.5, "val_kappa": 0.5}
    return Cycle(key=key, cycle=number, **(blank | fields))


def trial(curve: dict[int, float], trial_id: str = T1, state: str = "completed", **fields: Any) -> TrialState:
    """A trial with the learning curve `curve`, epoch -> kappa, in `state`; running: not ended."""
    told: list[Event] = [proposed(trial_id, **fields), started(trial_id)]
    told += [reported(trial_id, epoch, kappa) for epoch, kappa in curve.items()]
    if state != "running":
        told.append(ended(trial_id, state=state))
    return trials(told)[trial_id]


def without(events: Iterable[Event], *fields: str) -> list[dict[str, Any]]:
    """The lines of `events` as JSON, in which NaN equals itself, less `fields`."""
    lines = (json.loads(to_line(event)) for event in events)
    return [{name: value for name, value in line.items() if name not in fields} for line in lines]


def placed(trial_id: str | None = T1, config: dict[str, Any] | None = None, **fields: Any) -> Placed:
    config = config or {}
    blank: dict[str, Any] = {"family": "quick", "config_hash": hash_of(config), "score": 0.5, "on_folds": (0.5,)}
    return Placed(trial_id=trial_id, config=config, **{**blank, "reason": "the best", **fields})
