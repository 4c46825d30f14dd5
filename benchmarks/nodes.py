"""A Ray node is lost in mid-search: two nodes on this machine, one trial on each, and one of them is taken away.

The search must end whole: exactly its budget of trials, each ended, none failed; the trial of the lost node went on,
and its row says that its worker died; what had ended before stays as it was.
"""

import logging
import sys
import tempfile
import threading
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from benchmarks import trivial
from hsiauto.search.events import Event
from hsiauto.search.journal import Journal
from hsiauto.search.trials import trials
from hsiauto.search.workers.driver import run_search

BUDGET, ENDED = 10, 3
"""Trials, and how many of them have ended when the node goes."""
STORE_BYTES = 100 * 2**20


def main() -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": STORE_BYTES})
    second = cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    at_removal: list[Event] = []

    def watch(event: Event) -> None:
        """Remove the second node when some trials have ended and each node has one that has reported."""
        known = trials(journal.events).values()
        running = [trial for trial in known if trial.state == "running" and trial.reports]
        if not at_removal and len(running) == 2 and sum(trial.ended for trial in known) >= ENDED:
            at_removal.extend(journal.events)
            threading.Thread(target=cluster.remove_node, args=(second,), kwargs={"allow_graceful": False}).start()

    run_config = trivial.run_config(budget=BUDGET, address=cluster.address)
    try:
        with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal.jsonl") as journal:
            run_search(
                Path(folder), run_config, trivial.TrivialSpace(), trivial.data(), journal, on_event=watch,
                trial_type=trivial.SlowTrial, parse=trivial.parse, cost=trivial.cost,
            )  # fmt: skip
            before, after = trials(at_removal), trials(journal.events)
    finally:
        ray.shutdown()
        cluster.shutdown()
    failed = [trial for trial in after.values() if trial.state == "failed"]
    changed = [t.trial_id for t in before.values() if t.ended and after[t.trial_id] != t]
    whole = bool(before) and len(after) == BUDGET and all(trial.ended for trial in after.values()) and not changed
    lost = [trial for trial in after.values() if trial.worker_deaths]
    whole &= not failed and len(lost) < 2
    for trial in (*failed, *lost):
        print(f"{trial.trial_id}: {trial.error or trial.worker_deaths[-1]}")
    done = sum(trial.ended for trial in before.values())
    print(
        f"one of two nodes removed after {done} of {BUDGET} trials: {len(after)} trials ended, {len(failed)} failed, "
        f"{len(lost)} went on elsewhere; "
        f"the search ends whole: {'kept' if whole else 'NOT kept'}"
    )
    sys.exit(not whole)


if __name__ == "__main__":
    main()
