"""run_search: trials on Ray Tune until the budget or the deadline. All that it did is in the journal.

Tune starts processes and carries messages. Its checkpoints, stoppers, time budget, callbacks and `Tuner.restore` are
not used: each of them passes by the journal. A resume is a new Tuner over the same journal.
"""

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from ray import tune
from ray.exceptions import RayError
from ray.tune import TuneError

from hsiauto.config import RunConfig
from hsiauto.errors import RayLost, UserError
from hsiauto.families import config_from, costs
from hsiauto.families.base import FamilyConfig, TileConfig
from hsiauto.scene.on_disk import shared_bytes
from hsiauto.search.engine import Engine, OnEvent, Training
from hsiauto.search.journal import Journal
from hsiauto.search.mirror import Mirror
from hsiauto.search.samplers import SearchSpace
from hsiauto.search.screen import Cost, Speed
from hsiauto.search.workers.cluster import look
from hsiauto.search.workers.environment import in_main_thread, kept_signals
from hsiauto.search.workers.faults import Silence
from hsiauto.search.workers.local_ray import ray_for_a_run, start_ray
from hsiauto.search.workers.memory_probe import resources_for
from hsiauto.search.workers.nodes import Nodes
from hsiauto.search.workers.placement import able
from hsiauto.search.workers.placement_groups import removed_when_left
from hsiauto.search.workers.pulse import Pulse
from hsiauto.search.workers.resources import Machine
from hsiauto.search.workers.storage import Storage, open_storage
from hsiauto.search.workers.trainable import Setting, TrialType, TrialWorker
from hsiauto.search.workers.tune_adapters import EngineScheduler, EngineSearcher, NoReporter
from hsiauto.split.seal import TrialData
from hsiauto.training.trial import Trial


@ray_for_a_run()
@removed_when_left()
def run_search(
    folder: Path,
    run_config: RunConfig,
    space: SearchSpace,
    data: TrialData,
    journal: Journal,
    deadline: float | None = None,
    on_event: OnEvent | None = None,
    *,
    machine: Machine | None = None,
    stop: Callable[[], bool] = lambda: False,
    trial_type: TrialType = Trial,
    parse: Callable[[dict[str, Any]], FamilyConfig] = config_from,
    cost: Callable[[FamilyConfig], Cost] | None = None,
) -> None:
    """Run trials in the run folder `folder` until the budget of `run_config`, or `deadline` (`time.monotonic()`).

    space: bound to the scene. journal: open; trials of it that have not ended go on first. on_event: called with each
    event after it is written. machine: None: it is looked at here. stop: asked several times a second whether to end
    the trials. trial_type, parse, cost: what trains, reads and weighs a config (`Trial`, the registry and `costs`,
    unless a test brings its own).
    Raises KeyboardInterrupt after Ctrl-C or `stop`, when the trials have been stopped, and LeftAtOnce after a second
    Ctrl-C, all with the journal closed in order; UserError if it cannot be written; RayLost if Ray ends.
    """
    if deadline is not None and deadline <= time.monotonic():
        return
    machine = machine or look(run_config.address)
    presets = [preset for family in space.families for preset in space.presets(family)]
    resources = resources_for(run_config, machine, presets, data)
    start_ray(machine, resources, data_bytes=shared_bytes(data.cube))
    pulse = Pulse.of(stop)
    nodes = Nodes(partial(able, resources))
    engine = Engine(
        journal,
        run_config,
        space,
        cost or _cost_on(data),
        parse,
        workers=resources.concurrency,
        gpus=resources.gpus_per_trial,
        speed=Speed.of(resources.device, resources.threads),
        deadline=deadline,
        on_event=on_event,
        may_go_on=nodes.may_go_on,
        mirror=Mirror(
            folder / "optuna.log", (f"validation {run_config.objective}", *filter(None, [run_config.second_objective]))
        ),
    )
    storage = open_storage(run_config.storage, folder)
    setting = Setting(
        data=data,
        storage=storage,
        seed=run_config.seed,
        max_epochs=run_config.max_epochs,
        device=resources.device,
        n_devices=resources.n_devices,
        threads=resources.threads,
        save_always=run_config.keep == "all",
        times_inference=run_config.times_inference,
        parse=parse,
        trial_type=trial_type,
    )
    weights = _Weights(storage, run_config, engine)
    with tempfile.TemporaryDirectory(prefix="hsiauto-tune-") as tune_folder, _noted_presses() as pressed:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(TrialWorker, setting=setting), resources.request),
            tune_config=tune.TuneConfig(
                search_alg=EngineSearcher(engine, nodes, weights.hand_over, pulse),
                scheduler=EngineScheduler(
                    engine, nodes, weights.worth_saving, weights.tidy, Silence(run_config.trial_timeout_s), pulse
                ),
                num_samples=-1,  # the searcher says when
                max_concurrent_trials=resources.concurrency,  # unset, custom searchers run slower
                reuse_actors=True,
                trial_name_creator=_name,
                trial_dirname_creator=_name,
            ),
            run_config=tune.RunConfig(
                name="search",
                storage_path=tune_folder,
                verbose=0,
                progress_reporter=NoReporter(),
                failure_config=tune.FailureConfig(max_failures=0),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        why = ""
        try:
            tuner.fit()
        except KeyboardInterrupt as second:  # Tune takes the first one
            raise LeftAtOnce from second
        except (TuneError, RayError) as wrapped:  # in it may be an error of ours: a full disk, a lost Ray
            error = _raised_first(wrapped)
            why = f"the search ended: {error}"
            raise error from wrapped
        finally:
            interrupted = engine.any_running or engine.waits or not engine.finished
            engine.interrupt(pulse.lost or why)
    if pressed:  # and what it raised was lost in code of Tune or Ray
        raise LeftAtOnce
    if interrupted:  # Tune took the signal, or was stopped, and returns as if nothing had happened
        raise KeyboardInterrupt


def _raised_first(error: BaseException) -> BaseException:
    """The UserError or RayLost in the course of which `error` was raised; `error` itself if there is none."""
    context: BaseException | None = error
    while context is not None and not isinstance(context, UserError | RayLost):
        context = context.__cause__ or context.__context__
    return context or error


class LeftAtOnce(KeyboardInterrupt):
    """Ctrl-C was pressed a second time: nothing is waited for or written any more."""


class _Weights:
    """Which checkpoints stay on disk: of trials that run or may go on, and of the best k completed ones of a family."""

    def __init__(self, storage: Storage, run_config: RunConfig, engine: Engine) -> None:
        self._storage, self._run_config, self._engine = storage, run_config, engine
        self._dropped: set[str] = set()
        """Trials without weights: to ask the storage for all of them at every end would take longer and longer."""

    def hand_over(self, training: Training) -> None:
        """Copy the last attempt's checkpoint into the new one's folder: an orphan may still write to the old."""
        try:
            self._storage.hand_over(training.trial_id, training.attempt)
        except OSError as error:
            raise UserError(
                "a trial that goes on needs its checkpoint, and `storage` a place for it", error, "Resume the run."
            ) from error

    def worth_saving(self, trial_id: str) -> bool:
        family = self._engine.trials[trial_id].family
        return self._run_config.keep == "all" or trial_id in self._engine.best(family, self._run_config.top_k)

    def tidy(self, trial_id: str) -> None:
        """A trial of the family has ended: drop what is no longer worth keeping."""
        if self._run_config.keep == "all":
            return
        family = self._engine.trials[trial_id].family
        spared = self._dropped.union(self._engine.best(family, self._run_config.top_k))
        for trial in self._engine.of_family(family):
            if trial.ended and not trial.by_limit and trial.trial_id not in spared:
                self._dropped.add(trial.trial_id)
                for attempt in range(1, trial.attempt + 1):
                    self._storage.drop(trial.trial_id, attempt)


@contextmanager
def _noted_presses() -> Iterator[list[int]]:
    """The list of each Ctrl-C that Tune did not take: it takes one, and then puts back the handler of before."""
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    with kept_signals():
        if in_main_thread():
            signal.signal(signal.SIGINT, note)
        yield pressed


def _cost_on(data: TrialData) -> Callable[[FamilyConfig], Cost]:
    height, width, n_bands = data.cube.shape

    def cost(config: FamilyConfig) -> Cost:
        parameters = costs.parameters(config, n_bands, data.n_classes)
        macs = costs.macs(config, n_bands, data.n_classes)
        n_pixels = height * width if isinstance(config, TileConfig) else len(data.train_pixels)
        return Cost(parameters, macs, None if macs is None else costs.FORWARD_AND_BACKWARD * macs * n_pixels)

    return cost


def _name(trial: Any) -> str:
    return str(trial.config["trial_id"])
