"""The GPU benchmark without a GPU: its dry run, what it imports, and what becomes of a cell that fails."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import benchmarks.gpu
from benchmarks.gpu import report
from benchmarks.gpu.bench import Bench, Figures, Missing, simulated
from benchmarks.gpu.clock import covered
from benchmarks.gpu.plan import SECTIONS, Section
from benchmarks.gpu.process import Measuring, _measured
from benchmarks.gpu.stacked import Stacked
from hsiauto.families.cnn2d import Cnn2dConfig

ROOT = Path(__file__).parents[2]
ABSENT = "ray optuna cmaes greenlet pyarrow tensorboardX yaml h5py rasterio matplotlib rich cyclopts safetensors skops"
SITE = f"""
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {ABSENT.split()!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
"""
CNN = Cnn2dConfig(components=6, width=8, depth=2, patch=7, dropout=0.0, schedule="constant", batch_size=8)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench(simulated(quick=True), "cpu", quick=True)


def promised(section: str) -> set[str]:
    """Figures of a row of the docstring's table."""
    assert benchmarks.gpu.__doc__ is not None
    row = re.search(rf"^\| [^|]*`{section}`[^|]* \| (.*) \|$", benchmarks.gpu.__doc__, re.MULTILINE)
    assert row is not None
    return set(re.findall(r"`(\w+)`", row[1]))


def nulls(found: Any, path: str = "") -> Iterator[str]:
    if isinstance(found, dict):
        for name, value in found.items():
            yield from nulls(value, f"{path}.{name}" if path else name)
    elif found is None:
        yield path


def test_a_dry_run_gives_what_is_promised_without_most_packages(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SITE)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.gpu", "--quick", "--device", "cpu", "--minutes", "60"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert set(found) == {"asked", "machine", "scene", "sections", "reasons", "seconds"}
    assert set(nulls(found)) == set(found["reasons"])
    missing = {path: why for path, why in found["reasons"].items() if why != "no CUDA"}
    assert missing.keys() <= {"machine.commit"}
    assert list(found["sections"]) == list(SECTIONS)
    for name, section in found["sections"].items():
        assert section["errors"] == []
        assert section["cells"]
        given = [cell for cell in section["cells"].values() if cell is not None]
        assert all(cell.keys() <= promised(name) for cell in given)
    for name in ("conformance", "steps", "maps"):
        for cell in found["sections"][name]["cells"].values():
            assert cell.keys() == promised(name)
    for cell in found["sections"]["conformance"]["cells"].values():
        assert (cell["logits"], cell["loss_after_a_step"], cell["conforms"]) == (0, 0, True)
        assert abs(cell["first_step"]) > 1e-4, "a step that changes nothing compares nothing"
    for cell in found["sections"]["steps"]["cells"].values():
        assert cell["float32"].keys() == promised("float32")
        assert cell["float32"]["epoch_seconds"] > cell["float32"]["step_seconds"] > 0
    assert {"alone", "streams-2", "processes-2", "stacked-2"} == {
        way for way, cell in found["sections"]["trials"]["cells"].items() if cell is not None
    }


class FakeProcess:
    """Answers at once; fails in a cell named `bad`."""

    made: ClassVar[list["FakeProcess"]] = []

    def __init__(self, bench: Bench) -> None:
        self.asked: list[str] = []
        self.made.append(self)

    def ask(self, section: str, cell: str, limit_s: float) -> Figures | Missing:
        self.asked.append(cell)
        return Missing("CUDA error: misaligned address") if cell == "bad" else {"seconds": float("nan")}

    def end(self) -> None:
        self.asked.append("ended")


def test_an_error_costs_its_cell_and_its_process_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    acts: dict[str, Any] = dict.fromkeys(("first", "bad", "last"), dict)
    monkeypatch.setattr(report, "Measuring", FakeProcess)
    monkeypatch.setattr(report, "SECTIONS", {"one": Section(lambda bench: acts, 1.0, 1.0)})
    monkeypatch.setattr(FakeProcess, "made", [])
    reasons: dict[str, str] = {}
    found = report.plain(report.measured(bench, 100), reasons)["one"]
    assert [process.asked for process in FakeProcess.made] == [["first", "bad", "ended"], ["last", "ended"]]
    assert found["errors"] == ["bad: CUDA error: misaligned address"]
    assert found["cells"] == {"first": {"seconds": None}, "bad": None, "last": {"seconds": None}}
    assert reasons["one.cells.bad"] == "CUDA error: misaligned address"
    assert reasons["one.cells.first.seconds"] == "it is nan"
    late = report.measured(bench, 0)["one"]
    assert late["cells"] == dict.fromkeys(acts, Missing("no time was left"))


def test_a_process_that_dies_is_a_reason(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    forking = multiprocessing.get_context("fork")  # at once: this one touches nothing
    monkeypatch.setattr(multiprocessing, "get_context", lambda kind: forking)
    process = Measuring(bench)
    os.kill(process.pid, signal.SIGKILL)
    assert process.ask("steps", "cnn2d/paper", 60) == Missing("its process died (exit code -9)")


@pytest.mark.skipif(torch.cuda.is_available(), reason="it would work")
def test_what_a_cell_raises_is_its_answer(bench: Bench) -> None:
    answer = _measured(replace(bench, device="cuda"), "steps", "cnn2d/paper")
    assert isinstance(answer, Missing)
    assert "CUDA" in answer.why


def test_stacked_models_train_as_their_trainers_do(bench: Bench) -> None:
    trainers = [bench.trainer(CNN, seed=seed) for seed in range(3)]
    models = Stacked(trainers)
    batches = models.batches()
    for _ in range(3):
        x, y = next(batches)
        alone = [trainer.step(own_x, own_y) for trainer, own_x, own_y in zip(trainers, x, y, strict=True)]
        torch.testing.assert_close(models.step(x, y), torch.stack(alone), rtol=1e-4, atol=1e-5)


def test_overlapping_kernels_count_once() -> None:
    assert covered([(5.0, 6.0), (0.0, 2.0), (1.0, 3.0), (1.5, 2.5)]) == 4.0
    assert covered([]) == 0.0
