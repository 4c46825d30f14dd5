"""The map of a scene, by hsiauto's own predictor."""

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.gpu.bench import Bench, Figures
from benchmarks.gpu.clock import mean_seconds
from hsiauto.families.base import TorchConfig
from hsiauto.models.predict import predict_scene

_SCENES, _CPU_ROWS = 8, 40
"""One below another on a GPU; of one scene on a CPU."""


def cells(bench: Bench) -> dict[str, Callable[[], Figures]]:
    return {name: partial(measure, bench, config) for name, config in bench.configs().items()}


def measure(bench: Bench, config: TorchConfig) -> Figures:
    fitted = bench.trainer(config).fitted()
    cube = np.tile(bench.data.cube, (_SCENES, 1, 1)) if bench.on_cuda else bench.data.cube[:_CPU_ROWS]
    valid = np.ones(cube.shape[:2], bool)
    # both end in NumPy, which waits for the device
    seconds = mean_seconds(lambda: predict_scene(fitted, cube, valid), bench.device, bench.loop_s)
    projection_s = mean_seconds(lambda: fitted.projection.project_scene(cube, valid), "cpu", bench.loop_s / 4)
    return {"pixels_per_second": valid.size / seconds, "projection_share": projection_s / seconds}
