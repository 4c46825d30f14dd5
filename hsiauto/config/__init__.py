"""What a run is asked to do: RunConfig, and the same as the flat settings of a command line or a run.yaml."""

from hsiauto.config.flat import Command, Declared, declared, flat, overlaid, run_config_from
from hsiauto.config.run_config import (
    Objective,
    RunConfig,
    SamplerName,
    SchedulerName,
    SecondObjective,
)

__all__ = [
    "Command",
    "Declared",
    "Objective",
    "RunConfig",
    "SamplerName",
    "SchedulerName",
    "SecondObjective",
    "declared",
    "flat",
    "overlaid",
    "run_config_from",
]
