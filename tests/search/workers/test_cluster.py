"""What is said of a cluster before a search starts, and that a scene is not copied for each worker."""

import socket
from pathlib import Path

import pytest
import ray
from pyarrow import fs

from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.search.workers import cluster
from hsiauto.search.workers.cluster import check_nodes, join, look, prepare_workers
from hsiauto.search.workers.resources import Machine, Resources
from hsiauto.search.workers.storage import Storage, folder_storage
from hsiauto.split.seal import TrialData
from tests.search import fakes


def test_an_address_is_no_part_of_what_a_study_is() -> None:
    run_config = fakes.run_config(address="auto")
    assert run_config.address == "auto"
    assert "address" not in run_config.model_dump_json()
    assert RunConfig.model_validate_json(run_config.model_dump_json()).address is None


@pytest.mark.parametrize("address", ["ray://head:10001", "http://head:8265"])
def test_a_driver_away_from_the_cluster_is_refused(address: str) -> None:
    with pytest.raises(UserError, match="hsiauto submit"):
        join(address)


def test_auto_is_what_rays_variable_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://own:10001")
    with pytest.raises(UserError, match="ray://own:10001"):
        join("auto")


def test_an_address_where_nothing_listens_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray itself would ask for minutes."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)  # other tests may have one
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=address):
            join(address)


@pytest.mark.usefixtures("ray_session")
class TestJoined:
    def test_a_cluster_without_a_worker_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cluster, "_alive", lambda: [{"NodeID": "head", "Resources": {"CPU": 0.0}}])
        with pytest.raises(UserError, match="1 nodes without a CPU"):
            look("auto")

    def test_resources_are_the_clusters(self) -> None:
        machine = look("auto")
        cpus = int(ray.cluster_resources()["CPU"])
        assert machine == Machine(cpus, (), (cpus,))

    def test_one_node_needs_no_shared_folder(self, tmp_path: Path) -> None:
        machine = prepare_workers(fakes.run_config(address="auto"), tmp_path / "new" / "run", new=True)
        assert machine == look("auto")
        check_nodes(folder_storage(tmp_path / "nowhere"), "nowhere")
        assert not any(tmp_path.iterdir())

    def test_a_node_that_does_not_see_the_storage_is_named(self, tmp_path: Path) -> None:
        node = ray.nodes()[0]
        with pytest.raises(UserError, match="does not see") as refused:
            cluster._check_node(node, folder_storage(tmp_path), "/shared", b"content")
        assert node["NodeManagerHostname"] in str(refused.value)
        assert "`storage`" in str(refused.value)

    def test_a_node_whose_storage_fails_is_named(self) -> None:
        with pytest.raises(UserError, match="no credentials"):
            cluster._check_node(ray.nodes()[0], _Failing(fs.LocalFileSystem(), ""), "s3://bucket", b"content")

    def test_a_storage_that_cannot_be_used_is_refused_before_anything_is_written(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="`storage`"):
            prepare_workers(fakes.run_config(storage="nowhere://bucket"), tmp_path / "run", new=True)
        assert not any(tmp_path.iterdir())

    def test_workers_map_the_scene_and_do_not_copy_it(self) -> None:
        """Ray fetches an object once for each node; a read-only view of it shows that a worker adds no copy."""
        placed = ray.put(fakes.tiny_data())

        @ray.remote
        def owns(data: TrialData) -> tuple[bool, bool]:
            return bool(data.cube.flags.owndata), bool(data.cube.flags.writeable)

        assert ray.get([owns.remote(placed) for _ in range(2)]) == [(False, False)] * 2


class _Failing(Storage):
    def read(self, name: str) -> bytes | None:
        raise OSError("no credentials")


@pytest.mark.parametrize(
    ("node_cpus", "concurrency", "budget", "expected"),
    [
        ((4, 4), None, 50, (8, 1.0)),
        ((4, 4), 2, 50, (2, 4.0)),
        ((4, 4), None, 4, (1, 4.0)),  # one trial cannot have the CPUs of two nodes
        ((3, 3, 3, 3), 5, 50, (5, 1.0)),  # two CPUs each would fit four times only
        ((64, 2), 4, 50, (4, 16.0)),
    ],
)
def test_a_trial_has_its_cpus_on_one_node(
    node_cpus: tuple[int, ...], concurrency: int | None, budget: int, expected: tuple[int, float]
) -> None:
    machine = Machine(sum(node_cpus), (), node_cpus)
    found = Resources.of(fakes.run_config(concurrency=concurrency, cpus_per_trial=None, budget=budget), machine)
    assert (found.concurrency, found.cpus_per_trial) == expected


def test_more_cpus_than_a_node_has_are_refused_before_ray_waits_for_them() -> None:
    with pytest.raises(UserError, match="`cpus_per_trial`"):
        Resources.of(fakes.run_config(cpus_per_trial=5), Machine(8, (), (4, 4)))
