"""Trial: torch and one-step families behind the same four calls; the checkpoint folder."""

import logging
import math
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hsiauto.errors import UserError
from hsiauto.families import config_from
from hsiauto.families.base import FamilyConfig
from hsiauto.training.trial import CHECKPOINT, Report, Trial
from tests.small_scene import CLASSICAL
from tests.training.test_trainer import CNN, DATA, same


def trial(config: FamilyConfig = CNN, folder: Path | None = None, seed: int = 0, max_epochs: int = 3) -> Trial:
    return Trial(config, DATA, seed=seed, max_epochs=max_epochs, folder=folder, n_threads=1)


def finish(t: Trial) -> list[Report]:
    reports = []
    while not t.done:
        reports.append(t.step())
    return reports


def test_a_torch_family_reports_every_epoch() -> None:
    reports = finish(trial())
    assert [r.epoch for r in reports] == [1, 2, 3]
    assert all(
        0 <= r.val_oa <= 1 and math.isfinite(r.val_loss + r.train_loss + r.val_aa + r.val_kappa) for r in reports
    )
    assert sorted(r.fit_seconds for r in reports) == [r.fit_seconds for r in reports]
    assert reports[-1].peak_memory_bytes > 1 << 20


@pytest.mark.parametrize("config", [*CLASSICAL.values(), config_from({"family": "coordinate_1nn"})])
def test_a_one_step_family_reports_once_at_full_fidelity(config: FamilyConfig, tmp_path: Path) -> None:
    t = trial(config, tmp_path)
    [report] = finish(t)
    assert report.epoch == 3
    p = t.fitted().probabilities(DATA.cube, DATA.valid, DATA.val_pixels)
    assert report.val_oa == pytest.approx((p.argmax(1) == DATA.val_labels).mean())
    assert math.isfinite(report.val_loss)
    t.save()
    assert not trial(config, tmp_path).done


def test_resume_from_the_folder_is_exact_and_keeps_the_time(tmp_path: Path) -> None:
    whole = trial()
    finish(whole)
    first = trial(folder=tmp_path)
    halfway = first.step()
    first.save()
    second = trial(folder=tmp_path)
    assert second.epoch == 1
    reports = finish(second)
    assert same(whole.fitted().weights(), second.fitted().weights())  # type: ignore[attr-defined]
    assert reports[0].fit_seconds > halfway.fit_seconds


def test_a_finished_trial_resumes_as_done(tmp_path: Path) -> None:
    t = trial(folder=tmp_path)
    finish(t)
    t.save()
    again = trial(folder=tmp_path)
    assert again.done
    p, q = (x.fitted().probabilities(DATA.cube, DATA.valid, DATA.val_pixels) for x in (t, again))
    assert np.array_equal(p, q)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"x" * 300, lambda b: b[:-40]])
def test_a_damaged_checkpoint_starts_again_and_says_why(
    damage: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    t = trial(folder=tmp_path)
    t.step()
    t.save()
    path = tmp_path / CHECKPOINT
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with caplog.at_level(logging.WARNING):
        again = trial(folder=tmp_path)
    assert again.epoch == 0
    assert "began anew" in caplog.text
    assert len(finish(again)) == 3


def test_a_checkpoint_that_would_execute_code_is_not_executed(tmp_path: Path) -> None:
    torch.save({"identity": Path("/")}, tmp_path / CHECKPOINT)  # any object but plain data
    assert trial(folder=tmp_path).epoch == 0


@pytest.mark.parametrize("other", [{"seed": 1}, {"max_epochs": 4}, {"config": CNN.model_copy(update={"width": 9})}])
def test_another_trainings_checkpoint_is_not_gone_on_from(other: dict[str, object], tmp_path: Path) -> None:
    t = trial(folder=tmp_path)
    t.step()
    t.save()
    again = trial(folder=tmp_path, **other)  # type: ignore[arg-type]
    assert (again.epoch, again.done) == (0, False)
    assert "it is of another training" in again.note
    again.step()


def _without(*path: str) -> Any:
    """Takes an entry out of a checkpoint."""

    def edit(content: dict[Any, Any]) -> None:
        *parents, name = path
        for parent in parents:
            content = content[parent]
        del content[name]

    return edit


def _with(value: object, *path: Any) -> Any:
    def edit(content: dict[Any, Any]) -> None:
        *parents, name = path
        for parent in parents:
            content = content[parent]
        content[name] = value

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        *(_without(name) for name in ("identity", "seconds", "peak_memory_bytes", "micro_batch", "trainer")),
        *(_without("trainer", name) for name in ("epoch", "step", "first_loss", "module", "optimizer", "random")),
        _without("trainer", "random", "cpu"),
        _without("trainer", "optimizer", "param_groups"),
        _with("long", "seconds"),
        _with(-1, "micro_batch"),
        _with(1, "extra"),
        _with([], "trainer"),
        _with(9, "trainer", "epoch"),
        _with(7, "trainer", "step"),
        _with({}, "trainer", "module"),
        _with({}, "trainer", "optimizer"),
        _with(torch.zeros(3), "trainer", "random", "cpu"),
        _with(torch.zeros(3), "trainer", "random", "generator"),
        _with(torch.zeros(1), "trainer", "optimizer", "state", 0, "exp_avg"),
        lambda content: [moved.fill_(math.nan) for moved in content["trainer"]["module"].values() if moved.dim()],
        lambda content: content["trainer"]["module"].popitem(),
    ],
)
def test_an_incomplete_checkpoint_starts_again_and_says_why(edit: Any, tmp_path: Path) -> None:
    t = trial(folder=tmp_path)
    t.step()
    t.save()
    assert trial(folder=tmp_path).note == ""
    content = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    edit(content)
    torch.save(content, tmp_path / CHECKPOINT)
    again = trial(folder=tmp_path)
    assert again.epoch == 0
    assert "began anew, as its checkpoint.pt cannot be used: " in again.note
    assert "\n" not in again.note
    fresh = trial(folder=tmp_path / "none")
    finish(again)
    finish(fresh)
    assert same(again.fitted().weights(), fresh.fitted().weights())  # type: ignore[attr-defined]


def test_a_failed_save_keeps_the_old_checkpoint(tmp_path: Path) -> None:
    t = trial(folder=tmp_path)
    t.step()
    t.save()
    before = (tmp_path / CHECKPOINT).read_bytes()
    t.step()

    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, resource.RLIM_INFINITY))
    try:
        with pytest.raises(UserError, match=r"checkpoint\.pt needs space; received a full disk"):
            t.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [CHECKPOINT]


def test_a_config_that_the_data_cannot_feed_is_a_users_error() -> None:
    with pytest.raises(UserError, match="components"):
        trial(CNN.model_copy(update={"components": 11}))
    with pytest.raises(UserError, match="patch"):
        trial(CNN.model_copy(update={"patch": 19}))
