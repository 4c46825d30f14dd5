"""The files of cluster/ against the rules of those who read them. What passes here is validated, which is not run."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hsiauto.cli import options_table
from tests.cluster.rules import check, check_ray_pod

FOLDER = Path(__file__).resolve().parents[2] / "cluster"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
AUTOSCALER = ["aws.yaml", "own_machines.yaml"]

# Fields of KubeRay's ray.io/v1 (github.com/ray-project/kuberay: ray-operator/apis/ray/v1/raycluster_types.go and
# rayjob_types.go): those that these manifests may use. A pod is checked for what Ray needs of it.
_POD_TEMPLATE: dict[str, Any] = {"spec": check_ray_pod}
_CLUSTER_SPEC: dict[str, Any] = {
    "rayVersion": str,
    "enableInTreeAutoscaling": bool,
    "authOptions": {"mode": ("disabled", "token")},
    "autoscalerOptions": {"idleTimeoutSeconds": int, "upscalingMode": ("Default", "Aggressive", "Conservative")},
    "headGroupSpec": {"rayStartParams": "strings", "template": _POD_TEMPLATE},
    "workerGroupSpecs": [
        {
            "groupName": str,
            "replicas": int,
            "minReplicas": int,
            "maxReplicas": int,
            "rayStartParams": "strings",
            "template": _POD_TEMPLATE,
        }
    ],
}
_KINDS = {
    "RayCluster": _CLUSTER_SPEC,
    "RayJob": {
        "entrypoint": str,
        "submissionMode": ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
        "backoffLimit": int,
        "shutdownAfterJobFinishes": bool,
        "ttlSecondsAfterFinished": int,
        "rayClusterSpec": _CLUSTER_SPEC,
    },
}


@pytest.mark.parametrize("name", AUTOSCALER)
def test_rays_own_validator_takes_the_autoscaler_files(name: str) -> None:
    """As `ray up` does: fill in the provider's defaults, then the schema that Ray ships."""
    util = pytest.importorskip("ray.autoscaler._private.util", reason="Ray moved its validator")
    config = yaml.safe_load((FOLDER / name).read_text())
    prepared = util.prepare_config(config)
    util.validate_config(prepared)
    for command in ("head_start_ray_commands", "worker_start_ray_commands"):
        assert prepared[command] == config[command]  # ours, not the provider's defaults
    broken = {**prepared, "workers": 3}
    with pytest.raises(Exception, match="workers"):
        util.validate_config(broken)


def test_cloud_workers_are_spot_and_the_head_is_not() -> None:
    config = yaml.safe_load((FOLDER / "aws.yaml").read_text())
    types = config["available_node_types"]
    market = {name: "InstanceMarketOptions" in fields["node_config"] for name, fields in types.items()}
    assert market == {config["head_node_type"]: False, "gpu_spot": True}
    assert types["gpu_spot"]["min_workers"] >= 1


@pytest.mark.parametrize("name", ["raycluster.yaml", "rayjob.yaml"])
def test_manifests_have_the_fields_of_kuberays_v1(name: str) -> None:
    manifest = yaml.safe_load((FOLDER / "kubernetes" / name).read_text())
    assert manifest.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert manifest["apiVersion"] == "ray.io/v1"
    check(manifest["spec"], _KINDS[manifest["kind"]], "spec")


def test_the_entrypoint_of_a_ray_job_is_one_command() -> None:
    """KubeRay puts it on a line of a shell, after `ray job submit`, which joins the words that it gets."""
    entrypoint = yaml.safe_load((FOLDER / "kubernetes" / "rayjob.yaml").read_text())["spec"]["entrypoint"]
    line = f"if ray job submit --address http://head:8265 -- {entrypoint}; then true; fi"
    assert subprocess.run(["bash", "-n", "-c", line], check=False).returncode == 0
    bash, flag, script = shlex.split(entrypoint)
    assert (bash, flag) == ("bash", "-c")
    assert subprocess.run(["bash", "-n", "-c", script], check=False).returncode == 0
    joined = subprocess.list2cmdline([bash, flag, script])
    assert shlex.split(joined) == [bash, flag, script]


@pytest.mark.parametrize("fault", ["unknown", "type", "choice"])
def test_the_check_of_manifests_finds_faults(fault: str) -> None:
    spec = yaml.safe_load((FOLDER / "kubernetes" / "raycluster.yaml").read_text())["spec"]
    match fault:
        case "unknown":
            spec["headGroupSpec"]["rayStartParameters"] = {}
        case "type":
            spec["headGroupSpec"]["rayStartParams"]["num-cpus"] = 0
        case "choice":
            spec["autoscalerOptions"]["upscalingMode"] = "default"
    with pytest.raises(AssertionError):
        check(spec, _CLUSTER_SPEC, "spec")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert script.stat().st_mode & 0o111, "not executable"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing(script: Path) -> None:
    found = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_options_of_hsiauto_in_these_files_exist() -> None:
    options = {
        command: {n for row in options_table.rows(command) for n in row.names}
        for command in ("search", "submit", "serve")
    }
    used = 0
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            for name, rest in re.findall(r"hsiauto (search|submit|serve)\b((?:[^\n;`#]|\\\n)*)", path.read_text()):
                known = options[name] if name == "serve" else options[name] | options["search"]
                asked = set(re.findall(r"--[a-z-]+", rest))
                used += len(asked)
                assert asked <= known, f"{path.name}: {asked - known}"
    assert used > 10


def test_each_file_is_labelled_validated_or_run() -> None:
    table = (FOLDER / "README.md").read_text()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and path.name != "README.md":
            rows = [
                line for line in table.splitlines() if line.startswith("|") and f"`{path.relative_to(FOLDER)}`" in line
            ]
            assert len(rows) == 1, path
            assert re.search(r"\*\*(validated, not run|run)\*\*", rows[0]), rows


def test_the_token_of_a_cluster_is_made_for_its_user_alone() -> None:
    """Ray writes it for everybody to read."""
    made = [
        (path.name, line)
        for path in sorted(FOLDER.rglob("*"))
        if path.is_file()
        for line in path.read_text().splitlines()
        if "get-auth-token" in line
    ]
    assert {name for name, _ in made} >= {"README.md", "aws.yaml", "own_machines.yaml", "slurm.sh", "two_nodes.sh"}
    assert [line for _, line in made if "(umask 077; ray get-auth-token --generate" not in line] == []
