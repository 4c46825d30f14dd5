import pytest

from hsiauto.errors import UserError
from hsiauto.search.workers.resources import Machine, Resources
from hsiauto.training.gpu_memory import GpuMemory
from tests.search import fakes

GIB = 2**30


@pytest.mark.parametrize(
    ("machine", "budget", "expected"),
    [
        (Machine(2), 50, Resources(2, 1, 0)),
        (Machine(2), 4, Resources(1, 2, 0)),
        (Machine(64), 50, Resources(10, 6, 0)),
        (Machine(1), 50, Resources(1, 1, 0)),
        (Machine(16, (141 * GIB,)), 50, Resources(4, 4, 0.25)),
        (Machine(8, (8 * GIB,)), 50, Resources(1, 8, 1)),
        (Machine(2, (80 * GIB, 80 * GIB)), 50, Resources(2, 1, 1)),  # one each: a share would put both on one
        (Machine(4, (80 * GIB, 80 * GIB)), 50, Resources(4, 1, 0.5)),
    ],
)
def test_what_the_machine_gives(machine: Machine, budget: int, expected: Resources) -> None:
    assert Resources.of(fakes.run_config(budget=budget, concurrency=None, cpus_per_trial=None), machine) == expected


def test_what_the_study_sets_stands() -> None:
    machine = Machine(4, (80 * GIB,))
    assert Resources.of(fakes.run_config(concurrency=8, cpus_per_trial=3, gpus_per_trial=0.0), machine) == Resources(
        8, 3, 0
    )
    assert Resources.of(fakes.run_config(concurrency=8, cpus_per_trial=None), machine) == Resources(8, 0.5, 0.25)
    assert Resources.of(fakes.run_config(concurrency=None, cpus_per_trial=2, budget=50), machine) == Resources(
        2, 2, 0.25
    )


def test_threads_and_device_follow() -> None:
    assert (Resources(8, 0.5, 0).threads, Resources(1, 3, 0).threads) == (1, 3)
    assert (Resources(1, 1, 0).device, Resources(1, 1, 0.25).device) == ("cpu", "cuda")


@pytest.mark.parametrize(
    ("gpus", "machine", "received"),
    [
        (1.0, Machine(2), "1 where 0 are seen"),
        (0.5, Machine(2), "0.5 where 0 are seen"),
        (1.5, Machine(2, (80 * GIB,) * 2), "1.5"),
        (3.0, Machine(2, (80 * GIB,) * 2), "3 where 2 are seen"),
    ],
)
def test_gpus_that_a_trial_cannot_have_are_refused_before_ray_waits_for_them(
    gpus: float, machine: Machine, received: str
) -> None:
    with pytest.raises(UserError) as refused:
        Resources.of(fakes.run_config(gpus_per_trial=gpus), machine)
    assert received in str(refused.value)
    assert "`gpus_per_trial`" in str(refused.value)


@pytest.mark.parametrize("gpus", [0.0, 0.3, 1.0, 2.0])
def test_shares_and_whole_gpus_that_are_there_are_taken(gpus: float) -> None:
    machine = Machine(8, (80 * GIB,) * 2)
    assert Resources.of(fakes.run_config(gpus_per_trial=gpus), machine).gpus_per_trial == gpus


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (GpuMemory(80 * GIB, 4 * GIB), Resources(4, 4, 1 / 4)),  # memory for 13: kernels take turns
        (GpuMemory(80 * GIB, 20 * GIB), Resources(2, 8, 1 / 2)),  # half as much again for each
        (GpuMemory(80 * GIB, 14 * GIB), Resources(3, 5, 1 / 3)),
        (GpuMemory(80 * GIB, 60 * GIB), Resources(1, 16, 1)),
        (GpuMemory(8 * GIB, 60 * GIB), Resources(1, 16, 1)),  # it is tried alone
    ],
)
def test_trials_share_a_gpu_as_far_as_its_free_memory_goes(memory: GpuMemory, expected: Resources) -> None:
    machine, run_config = Machine(16, (80 * GIB,)), fakes.run_config(budget=50, concurrency=None, cpus_per_trial=None)
    assert Resources.of(run_config, machine, memory) == expected
    asked = fakes.run_config(budget=50, concurrency=None, cpus_per_trial=None, gpus_per_trial=0.25)
    assert Resources.of(asked, machine, memory) == Resources(4, 4, 0.25)


def test_several_gpus_are_devices_of_one_trial_and_a_share_is_one() -> None:
    assert [Resources(1, 1, gpus).n_devices for gpus in (0.0, 0.25, 1.0, 2.0, 4.0)] == [1, 1, 1, 2, 4]


@pytest.mark.parametrize(
    ("machine", "asked", "expected"),
    [
        (Machine(1, (), (1,)), {}, Resources(1, 1, 0)),
        (Machine(1, (), (1,)), {"concurrency": 4}, Resources(4, 0.25, 0)),
        (Machine(4, (), (4,)), {"concurrency": 8, "cpus_per_trial": 2}, Resources(2, 2, 0)),
        (Machine(6, (), (3, 3)), {"concurrency": 8, "cpus_per_trial": 2}, Resources(2, 2, 0)),
    ],
)
def test_a_ray_that_runs_already_gives_what_it_has(
    machine: Machine, asked: dict[str, int], expected: Resources
) -> None:
    nothing: dict[str, int | None] = {"concurrency": None, "cpus_per_trial": None}
    assert Resources.of(fakes.run_config(**(nothing | asked)), machine) == expected


def test_more_trials_at_a_time_than_sixteen_for_each_cpu_are_refused() -> None:
    with pytest.raises(UserError, match=r"`concurrency` is at most 16 for each CPU.*; received 33 where 2 CPUs"):
        Resources.of(fakes.run_config(concurrency=33), Machine(2))


MIXED = Machine(36, (80 * GIB,), (32, 4), (0, 1))
"""A large node without a GPU, and a small one that has it."""


@pytest.mark.parametrize(
    ("machine", "asked", "expected"),
    [
        (MIXED, {}, Resources(4, 1, 0.25)),  # on CPUs alone nine each would fit
        (MIXED, {"concurrency": 2}, Resources(2, 2, 0.25)),
        (MIXED, {"gpus_per_trial": 0.0}, Resources(10, 3, 0)),
        (MIXED, {"cpus_per_trial": 2, "concurrency": 8}, Resources(2, 2, 0.25)),
        (Machine(64, (80 * GIB,) * 2, (62, 2), (0, 2)), {}, Resources(2, 1, 1)),  # CPUs elsewhere make no shares
        (Machine(12, (80 * GIB,) * 4, (6, 6), (2, 2)), {"gpus_per_trial": 2.0}, Resources(2, 6, 2)),
    ],
)
def test_a_trial_has_its_cpus_and_gpus_on_one_node(
    machine: Machine, asked: dict[str, float], expected: Resources
) -> None:
    """More than fit at once would queue, and what no node has would be waited for for ever."""
    nothing: dict[str, float | None] = {"concurrency": None, "cpus_per_trial": None}
    assert Resources.of(fakes.run_config(budget=50, **(nothing | asked)), machine) == expected


@pytest.mark.parametrize(
    ("machine", "asked", "received"),
    [
        (Machine(4), {"cpus_per_trial": 5}, "5 CPUs, of a machine that has 4 CPUs"),
        (Machine(4, (), (2, 2)), {"cpus_per_trial": 4}, "4 CPUs, of nodes that have 2 CPUs"),
        (MIXED, {"cpus_per_trial": 8}, "8 CPUs and 0.25 GPUs, of nodes that have 32 CPUs and 0 GPUs, 4 CPUs and 1"),
        (Machine(8, (80 * GIB,) * 2, (4, 4), (1, 1)), {"gpus_per_trial": 2.0}, "1 CPUs and 2 GPUs"),
        (Machine(8, (80 * GIB,), (8,), (0,)), {}, "of nodes that have 8 CPUs and 0 GPUs"),  # where it is are no CPUs
    ],
)
def test_what_no_node_has_is_refused_before_ray_waits_for_it(
    machine: Machine, asked: dict[str, float], received: str
) -> None:
    with pytest.raises(UserError) as refused:
        Resources.of(fakes.run_config(**({"cpus_per_trial": None} | asked)), machine)
    assert received in str(refused.value)
