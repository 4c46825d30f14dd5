"""What a row says of a lost worker, from Tune's own files; no cluster."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from ray import cloudpickle
from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError

from hsiauto.search.workers.faults import LONGEST_WORDS, WorkerEnd, end_of

DIED = """The actor died unexpectedly before finishing this task.
\tclass_name: TrialWorker
\tactor_id: 0123
\tpid: 77
\tnamespace: 4567
\tip: 10.0.0.1
The actor died because its node has died. Node Id: 89ab
"""


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (
            RayActorError("0123", DIED),
            WorkerEnd(False, "pid: 77, ip: 10.0.0.1, The actor died because its node has died. Node Id: 89ab"),
        ),
        (RayActorError("0123", "gone"), WorkerEnd(False, "gone")),
        (RayActorError("0123", "no module\nx", actor_init_failed=True), WorkerEnd(True, "x")),
        (ActorUnavailableError("no answer", None), None),
        (RayTaskError("step", "a trace", ValueError("CUDA error: 7")), WorkerEnd(True, "ValueError: CUDA error: 7")),
    ],
)
def test_a_raised_error_is_told_from_a_lost_process(tmp_path: Path, error: Exception, end: WorkerEnd | None) -> None:
    path = tmp_path / "error.pkl"
    path.write_bytes(cloudpickle.dumps(error))
    found = end_of(SimpleNamespace(pickled_error_file=str(path), error_file=None))
    if end is not None:
        assert found == end
    assert found.raised == isinstance(error, RayTaskError) or error.actor_init_failed  # type: ignore[attr-defined]


def test_without_a_pickle_the_text_tells_and_without_either_nothing_is_known(tmp_path: Path) -> None:
    text = tmp_path / "error.txt"
    text.write_text("Failure # 1\n  File x\nray.exceptions.OwnerDiedError: " + "lost " * LONGEST_WORDS)
    told = end_of(SimpleNamespace(pickled_error_file=str(tmp_path / "none"), error_file=str(text)))
    assert not told.raised
    assert told.words.startswith("ray.exceptions.OwnerDiedError: lost")
    assert len(told.words) <= LONGEST_WORDS
    assert end_of(SimpleNamespace(pickled_error_file=None, error_file=None)) == WorkerEnd(False, "Ray gave no reason")
