"""The sections in turn, and what they gave as plain data for JSON."""

import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import torch

from benchmarks.gpu.bench import NO_CUDA, Bench, Figures, Missing
from benchmarks.gpu.plan import SECTIONS
from benchmarks.gpu.process import Measuring
from hsiauto.runs.provenance import git_commit, versions

_SPARE_S = 15.0
"""For what was imported before, and for ends."""
_LEAST_S = 1.0
"""With less left, a cell is not begun."""


def report(bench: Bench, minutes: float) -> dict[str, Any]:
    """Everything, within `minutes` of the start of this process."""
    began = time.monotonic()
    data = bench.data
    figures: Figures = {
        "asked": {"minutes": minutes, "device": bench.device, "quick": bench.quick},
        "machine": machine(bench),
        "scene": {"shape": data.cube.shape, "classes": data.n_classes, "training_pixels": len(data.train_pixels)},
        "sections": measured(bench, 60 * minutes - _SPARE_S),
    }
    figures["seconds"] = time.monotonic() - began
    reasons: dict[str, str] = {}
    return {**plain(figures, reasons), "reasons": reasons}


def measured(bench: Bench, seconds: float) -> Figures:
    """Every section, within `seconds`."""
    found, names, end = {}, list(SECTIONS), time.monotonic() + seconds
    for place, name in enumerate(names):
        now = time.monotonic()
        share = SECTIONS[name].weight / sum(SECTIONS[later].weight for later in names[place:])
        found[name] = _section(bench, name, now + share * (end - now), seconds * SECTIONS[name].most)
    return found


def _section(bench: Bench, name: str, until: float, cell_s: float) -> Figures:
    began, cells, errors = time.monotonic(), Figures(), list[str]()
    process: Measuring | None = None
    try:
        for cell, act in SECTIONS[name].cells(bench).items():
            left = until - time.monotonic()
            if isinstance(act, Missing):
                cells[cell] = act
            elif left < _LEAST_S:
                cells[cell] = Missing("no time was left")
            else:
                process = process or Measuring(bench)
                cells[cell] = answer = process.ask(name, cell, min(left, cell_s))
                print(f"{name} {cell}: {_words(answer)}", file=sys.stderr, flush=True)
                if isinstance(answer, Missing):
                    errors.append(f"{cell}: {answer.why}")
                    process.end()
                    process = None
    finally:
        if process is not None:
            process.end()
    return {"seconds": time.monotonic() - began, "errors": errors, "cells": cells}


def _words(found: Any) -> str:
    if isinstance(found, Missing):
        return f"({found.why})"
    if isinstance(found, Mapping):
        return ", ".join(f"{name} {_words(value)}" for name, value in found.items())
    return f"{found:.4g}" if isinstance(found, float) else str(found)


def plain(found: Any, reasons: dict[str, str], path: str = "") -> Any:
    """`found` with None for what is missing or no number, whose path and reason go into `reasons`."""
    if isinstance(found, float) and not math.isfinite(found):
        found = Missing(f"it is {found}")
    if isinstance(found, Missing):
        reasons[path] = found.why
        return None
    if isinstance(found, Mapping):
        return {name: plain(value, reasons, f"{path}.{name}" if path else name) for name, value in found.items()}
    return found


def machine(bench: Bench) -> Figures:
    card = torch.cuda.get_device_properties(0) if bench.on_cuda else None
    return {
        "card": card.name if card else NO_CUDA,
        "memory_bytes": card.total_memory if card else NO_CUDA,
        "driver": _driver() if card else NO_CUDA,
        "cuda": torch.version.cuda or NO_CUDA,
        "cpus": len(os.sched_getaffinity(0)),
        "commit": git_commit() or Missing("no git checkout"),
        "versions": versions(),
    }


def _driver() -> str | Missing:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        return Missing(f"nvidia-smi: {error}")
