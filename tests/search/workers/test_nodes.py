"""Which nodes get trainings, played without Ray."""

import random
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray import tune

from hsiauto.errors import UserError
from hsiauto.search.events import Warned, of
from hsiauto.search.journal import Journal
from hsiauto.search.trials import trials
from hsiauto.search.workers import placement
from hsiauto.search.workers.faults import Silence
from hsiauto.search.workers.nodes import IN_A_ROW, Nodes
from hsiauto.search.workers.pulse import Pulse
from hsiauto.search.workers.resources import Resources
from hsiauto.search.workers.tune_adapters import EngineScheduler, EngineSearcher
from tests.search import fakes


def _nodes(*names: str) -> Nodes:
    return Nodes(lambda: {name: f"host-{name}" for name in names})


def _fail(nodes: Nodes, training: str, node: str, error: str = "no space") -> bool:
    nodes.began(training, node)
    return nodes.failed(training, error)


def _train(nodes: Nodes, training: str, node: str) -> None:
    nodes.began(training, node)
    nodes.trained(training)


def test_a_node_on_which_nothing_trains_gets_no_more() -> None:
    nodes = _nodes("a", "b")
    for number in range(IN_A_ROW):
        assert nodes.news() == []
        assert not _fail(nodes, f"t{number}", "a", f"no space for t{number}\nof many lines")
    assert nodes.bad == {"a"}
    [(subject, text)] = nodes.news()
    assert subject == "node host-a"
    assert text.endswith("3 in a row failed there before their first epoch, the last with: no space for t2")
    assert nodes.news() == []
    assert all(nodes.may_go_on(f"t{number}") for number in range(IN_A_ROW))
    assert nodes.avoided("t0") == nodes.avoided("new") == {"a"}
    assert nodes.none_left() is None


def test_a_success_ends_the_row() -> None:
    nodes = _nodes("a", "b")
    for number in range(2 * IN_A_ROW):
        (_train if number % IN_A_ROW == 1 else _fail)(nodes, f"t{number}", "a")
    assert nodes.bad == set()


def test_without_a_good_node_the_run_ends_and_says_why() -> None:
    nodes = _nodes("a", "b")
    for node in ("a", "b"):
        assert nodes.none_left() is None
        for number in range(IN_A_ROW):
            assert not _fail(nodes, f"t{number}", node, f"no space on {node}")
    told = str(nodes.none_left())
    assert "3 that failed on host-a and host-b, the last with: no space on b" in told
    assert "resume" in told
    assert nodes.avoided("t0") == set()


def test_on_one_machine_a_failed_training_waits_for_another_to_train_and_is_then_tried_once_more() -> None:
    nodes = _nodes("a")
    assert not _fail(nodes, "own", "a")
    assert not nodes.may_go_on("own")
    _train(nodes, "other", "a")
    assert nodes.may_go_on("own")
    assert nodes.avoided("own") == set()
    assert _fail(nodes, "own", "a")
    assert [_fail(nodes, f"t{number}", "a") for number in range(IN_A_ROW + 1)] == [True] * (IN_A_ROW + 1)
    assert nodes.bad == set()  # it has worked: these are bad configs
    assert nodes.none_left() is None


def test_what_fails_after_an_epoch_or_nobody_knows_where_says_nothing_of_a_node() -> None:
    nodes = _nodes("a")
    for number in range(IN_A_ROW):
        _train(nodes, f"t{number}", "a")
        assert nodes.failed(f"t{number}", "raised in its second epoch")
        assert nodes.failed(f"u{number}", "never seen")
    assert nodes.bad == set()


def test_a_node_that_breaks_later_loses_its_trainings_to_others_and_none_of_them_is_lost() -> None:
    nodes = _nodes("a", "b")
    _train(nodes, "t0", "a")
    _train(nodes, "t1", "b")
    for number in range(IN_A_ROW):
        assert not _fail(nodes, f"u{number}", "a")
        assert nodes.avoided(f"u{number}") == {"a"}
        _train(nodes, f"u{number}", "b")
    assert nodes.bad == {"a"}


def test_a_row_of_bad_configs_is_not_the_nodes_fault() -> None:
    nodes = _nodes("a", "b")
    _train(nodes, "t0", "b")
    for number in range(IN_A_ROW):
        assert not _fail(nodes, f"u{number}", "a")
    assert nodes.bad == {"a"}
    assert len(nodes.news()) == 1
    assert _fail(nodes, "u0", "b")
    assert nodes.bad == set()
    assert nodes.news() == [("node host-a again", "host-a gets trainings again: it was not to blame")]


def _played(
    healthy: Mapping[str, bool], guilty: Collection[int], n_trainings: int, seed: int
) -> tuple[Nodes, dict[str, list[str]], set[str], dict[str, str]]:
    """A search of `n_trainings`, one at a time on a random node that is not avoided: what failed on each node, what was
    given up, where the others trained."""
    nodes, choice = _nodes(*healthy), random.Random(seed)
    waiting, failures = [f"t{i}" for i in range(n_trainings)], {node: list[str]() for node in healthy}
    lost, trained = set[str](), dict[str, str]()
    while waiting:
        if len(nodes.bad) == len(healthy):
            break
        ready = [training for training in waiting if nodes.may_go_on(training)] or waiting
        training = ready[0]
        waiting.remove(training)
        node = choice.choice(sorted(healthy.keys() - nodes.avoided(training)))
        if healthy[node] and int(training[1:]) not in guilty:
            _train(nodes, training, node)
            trained[training] = node
            continue
        failures[node].append(training)
        if _fail(nodes, training, node):
            lost.add(training)
        else:
            waiting.append(training)
    return nodes, failures, lost, trained


def test_what_is_given_up_blames_no_node() -> None:
    nodes = _nodes("never worked", "works", "works too")
    _train(nodes, "t0", "works")
    _train(nodes, "t1", "works too")
    for number in range(IN_A_ROW):
        assert not _fail(nodes, f"u{number}", "never worked")
        assert _fail(nodes, f"u{number}", "works")
    assert nodes.bad == set()


@settings(max_examples=300, deadline=None)
@given(
    healthy=st.lists(st.booleans(), min_size=1, max_size=4),
    guilty=st.sets(st.integers(0, 24), max_size=8),
    seed=st.integers(0, 10**6),
)
def test_bad_nodes_cost_no_training_and_good_ones_are_kept(healthy: list[bool], guilty: set[int], seed: int) -> None:
    named = {f"n{i}": is_healthy for i, is_healthy in enumerate(healthy)}
    nodes, failures, lost, trained = _played(named, guilty, 25, seed)
    names = {f"t{i}" for i in guilty}
    if not any(healthy):
        assert not lost
        assert not trained
        assert isinstance(nodes.none_left(), UserError)
        assert sum(map(len, failures.values())) <= IN_A_ROW * len(healthy)
        return
    for node, failed in failures.items():
        if not named[node]:
            assert len(failed) <= IN_A_ROW + len(names)  # a guilty one may clear it until an innocent one blames it
        assert all(failed.count(one) <= 2 for one in failed)
    if not (nodes.bad & {node for node in named if named[node]}):
        assert lost <= names
        assert trained.keys() == {f"t{i}" for i in range(25)} - names
    assert not nodes.bad & set(trained.values())  # before anything has trained, bad configs look like a bad node


class _TuneTrial:
    """As much of Tune's trial as the adapters use."""

    error_file = pickled_error_file = None

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.placement_group_factory = config, tune.PlacementGroupFactory([{"CPU": 1}])

    def init_local_path(self) -> None:
        """No folder is needed."""

    def update_resources(self, resources: tune.PlacementGroupFactory) -> None:
        self.placement_group_factory = resources


class _Played:
    """A search through Tune's adapters, with an engine and no Ray."""

    def __init__(self, journal: Journal, *names: str, budget: int = 20) -> None:
        self.nodes = _nodes(*names)
        self.engine = fakes.engine(journal, fakes.run_config(budget=budget), may_go_on=self.nodes.may_go_on)
        self._searcher = EngineSearcher(self.engine, self.nodes, lambda training: None, lambda: False)
        self._scheduler = EngineScheduler(
            self.engine, self.nodes, lambda _: False, lambda _: None, Silence(None), Pulse(None, {})
        )

    def add(self) -> _TuneTrial:
        trial = _TuneTrial(self._searcher.suggest(""))
        self._scheduler.on_trial_add(None, trial)
        return trial

    def begin(self, node: str) -> _TuneTrial:
        trial = self.add()
        assert self.tell(trial, message="here", node_id=node) == "CONTINUE"
        return trial

    def tell(self, trial: _TuneTrial, **message: Any) -> str:
        place = {"node": "host", "device": "cpu", "pid": 1, "note": ""}
        return self._scheduler.on_trial_result(None, trial, place | message)

    def fail(self, trial: _TuneTrial, *, is_own: bool = False) -> None:
        self.tell(trial, message="failed", error="no space", is_own=is_own, peak_memory_bytes=None)

    def lose(self, trial: _TuneTrial) -> None:
        self._scheduler.on_trial_error(None, trial)


def test_tune_is_told_to_stay_off_a_bad_node(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        played = _Played(journal, "a", "b")
        failed = [played.begin("a") for _ in range(IN_A_ROW)]
        assert all("bundle_label_selector" not in one.placement_group_factory._kwargs for one in failed)
        for trial in failed:
            played.fail(trial)
        again = played.begin("b")
        assert again.config == failed[0].config | {"attempt": 2}
        assert again.placement_group_factory._kwargs == {"bundle_label_selector": [{"ray.io/node-id": "!in(a)"}]}
        [warning] = of(Warned, journal.events)
        assert "host-a gets no more trainings" in warning.text
        assert [trial.state for trial in trials(journal.events).values()] == ["interrupted"] * IN_A_ROW


def test_what_was_on_its_way_to_a_node_that_went_bad_does_not_begin_there(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        played = _Played(journal, "a", "b")
        failed = [played.begin("a") for _ in range(IN_A_ROW)]
        on_its_way = played.add()
        for trial in failed:
            played.fail(trial)
        assert played.tell(on_its_way, message="here", node_id="a") == "STOP"
        assert played.nodes.bad == {"a"}
        *_, again = [played.begin("b") for _ in range(IN_A_ROW + 1)]
        assert again.config == on_its_way.config  # the same attempt: it has not begun
        assert again.placement_group_factory._kwargs == {"bundle_label_selector": [{"ray.io/node-id": "!in(a)"}]}
        assert played.add().config["trial_id"] == "t0005"


def test_a_worker_that_dies_at_once_counts_and_one_of_an_earlier_attempt_does_not(
    tmp_path: Path,
) -> None:
    with Journal(tmp_path / "journal") as journal:
        played = _Played(journal, "a", "b")
        trial = played.begin("a")
        played.lose(trial)
        assert trials(journal.events)["t0001"].errors.startswith("failed before its first epoch")
        again = played.begin("b")
        played.lose(trial)  # Tune hears of it a second time
        played.tell(again, message="report", **vars(fakes.report(1, 0.5)))
        assert trials(journal.events)["t0001"].epochs == 1


def test_a_config_that_fails_by_itself_blames_no_machine(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        played = _Played(journal, "a")
        for _ in range(2 * IN_A_ROW):
            played.fail(played.begin("a"), is_own=True)
        assert {trial.state for trial in trials(journal.events).values()} == {"failed"}


def test_a_search_without_a_machine_waits_for_what_is_at_work_and_then_ends(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        played = _Played(journal, "a")
        slow = played.begin("a")
        for trial in [played.begin("a") for _ in range(IN_A_ROW)]:
            played.fail(trial)
        assert played._searcher.suggest("") is None
        played.fail(slow)
        with pytest.raises(UserError, match="4 that failed on host-a, the last with: host: no space"):
            played._searcher.suggest("")
        assert len(trials(journal.events)) == 1 + IN_A_ROW
    with Journal(tmp_path / "other") as journal:
        played = _Played(journal, "a")
        slow = played.begin("a")
        for trial in [played.begin("a") for _ in range(IN_A_ROW)]:
            played.fail(trial)
        played.tell(slow, message="started")
        played.tell(slow, message="report", **vars(fakes.report(1, 0.5)))
        assert played._searcher.suggest("")["trial_id"] == "t0002"


def test_what_is_left_in_the_end_is_tried_once_more(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        played = _Played(journal, "a", budget=2)
        for _ in range(4):
            played.fail(played.begin("a"))
        assert played._searcher.suggest("") == "FINISHED"
        assert [(trial.state, trial.attempt) for trial in trials(journal.events).values()] == [("failed", 2)] * 2


def test_nodes_that_could_train_are_alive_and_have_what_a_worker_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def node(name: str, alive: bool = True, address: str = "", **resources: float) -> dict[str, Any]:
        place = {"NodeID": name, "NodeManagerHostname": f"host-{name}", "NodeManagerAddress": address or name}
        return place | {"Alive": alive, "Resources": resources}

    there = [node("cpu", CPU=8), node("gpu", CPU=2, GPU=1), node("gone", alive=False, CPU=8, GPU=1), node("head")]
    monkeypatch.setattr(placement.ray, "nodes", lambda: there)
    assert placement.able(Resources(1, 2, 0)) == {"cpu": "host-cpu", "gpu": "host-gpu"}
    assert placement.able(Resources(1, 1, 0.25)) == {"gpu": "host-gpu"}
    assert placement.node_at("cpu") == "cpu"
    there.append(node("twin", address="cpu"))
    assert [placement.node_at(address) for address in ("cpu", "gone", "elsewhere")] == ["", "", ""]
    assert placement.away_from({"b", "a"}) == {"ray.io/node-id": "!in(a, b)"}
    assert placement.away_from(()) == {}
