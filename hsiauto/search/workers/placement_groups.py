"""The placement groups in which Tune's trials run: whoever leaves Tune in the middle must remove them himself."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import ray
from ray import PlacementGroupID
from ray.exceptions import RayError
from ray.util import placement_group_table, remove_placement_group
from ray.util.placement_group import PlacementGroup


@contextmanager
def removed_when_left() -> Iterator[None]:
    """Within, a Ctrl-C that gets through removes the placement groups that were made, with the trials in them. In a Ray
    that goes on, their CPUs would be kept for nobody until this process ends, and another search would wait for ever.
    """
    before = _of_this_process()
    try:
        yield
    except KeyboardInterrupt:
        with suppress(RayError):  # what made the user leave at once
            for name in _of_this_process() - before:
                remove_placement_group(PlacementGroup(PlacementGroupID(bytes.fromhex(name))))
        raise


def _of_this_process() -> set[str]:
    """The ids of those that it made and that are there; a cluster may have those of others."""
    if not ray.is_initialized():
        return set()
    job = ray.get_runtime_context().get_job_id()  # the last bytes of each of them
    return {name for name, told in placement_group_table().items() if name.endswith(job) and told["state"] != "REMOVED"}
