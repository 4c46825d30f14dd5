"""The files that start the service, against the rules of those who read them: validated, which is not run."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from hsiauto.cli.app import call
from hsiauto.service import run as service_run
from hsiauto.service.config import ServiceConfig
from tests.cluster.rules import check

FOLDER = Path(__file__).resolve().parents[2] / "cluster"
PORT = 8765

# Fields of Kubernetes (kubernetes.io/docs/reference/kubernetes-api) that the manifest may use.
_PORT: dict[str, Any] = {"name": str, "containerPort": int}
_PROBE: dict[str, Any] = {
    "httpGet": {"path": ("/healthz",), "port": str, "httpHeaders": [{"name": str, "value": str}]},
    "initialDelaySeconds": int,
    "periodSeconds": int,
    "failureThreshold": int,
}
_CONTAINER: dict[str, Any] = {
    "name": str,
    "image": str,
    "command": [str],
    "env": [{"name": str, "value": str, "valueFrom": {"secretKeyRef": {"name": str, "key": str}}}],
    "ports": [_PORT],
    "readinessProbe": _PROBE,
    "livenessProbe": _PROBE,
    "securityContext": {"allowPrivilegeEscalation": bool, "capabilities": {"drop": [str]}},
    "resources": {"requests": "strings", "limits": "strings"},
    "volumeMounts": [{"name": str, "mountPath": str}],
}
_POD: dict[str, Any] = {
    "shareProcessNamespace": bool,
    "terminationGracePeriodSeconds": int,
    "securityContext": {
        "runAsNonRoot": bool,
        "runAsUser": int,
        "fsGroup": int,
        "seccompProfile": {"type": ("RuntimeDefault",)},
    },
    "containers": [_CONTAINER],
    "volumes": [
        {
            "name": str,
            "persistentVolumeClaim": {"claimName": str},
            "emptyDir": {"medium": ("", "Memory"), "sizeLimit": str},
        }
    ],
}
_KINDS: dict[tuple[str, str], dict[str, Any]] = {
    ("apps/v1", "Deployment"): {
        "replicas": int,
        "strategy": {"type": ("Recreate", "RollingUpdate")},
        "selector": {"matchLabels": "strings"},
        "template": {"metadata": {"labels": "strings"}, "spec": _POD},
    },
    ("v1", "Service"): {"selector": "strings", "ports": [{"name": str, "port": int, "targetPort": str}]},
    ("networking.k8s.io/v1", "Ingress"): {
        "ingressClassName": str,
        "tls": [{"hosts": [str], "secretName": str}],
        "rules": [
            {
                "host": str,
                "http": {
                    "paths": [
                        {
                            "path": str,
                            "pathType": ("Exact", "Prefix", "ImplementationSpecific"),
                            "backend": {"service": {"name": str, "port": {"name": str}}},
                        }
                    ]
                },
            }
        ],
    },
}
# Fields of the Compose specification (github.com/compose-spec/compose-spec: schema/compose-spec.json).
_COMPOSE: dict[str, Any] = {
    "name": str,
    "volumes": {"root": type(None), "certificates": type(None)},
    "services": {
        "hsiauto": {
            "image": str,
            "build": {"context": str, "dockerfile": str},
            "command": [str],
            "init": bool,
            "restart": ("no", "always", "on-failure", "unless-stopped"),
            "shm_size": str,
            "volumes": [str],
            "cap_drop": [str],
            "security_opt": [str],
        },
        "proxy": {
            "image": str,
            "command": [str],
            "restart": ("no", "always", "on-failure", "unless-stopped"),
            "ports": [str],
            "volumes": [str],
            "depends_on": {"hsiauto": {"condition": ("service_started", "service_healthy")}},
        },
    },
}


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / "kubernetes" / "service.yaml").read_text()))


def container() -> dict[str, Any]:
    return manifests()[0]["spec"]["template"]["spec"]["containers"][0]


def compose() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "service" / "compose.yaml").read_text())


def instructions(name: str) -> list[list[str]]:
    """The words of each ENTRYPOINT, CMD or the like of the Dockerfile that are a list."""
    text = (FOLDER / "service" / "Dockerfile").read_text()
    return [json.loads(words) for words in re.findall(rf"^{name} (\[.*\])$", text, re.M)]


def test_manifests_have_the_fields_of_kubernetes() -> None:
    found = manifests()
    for manifest in found:
        assert manifest.keys() == {"apiVersion", "kind", "metadata", "spec"}
        check(manifest["spec"], _KINDS[manifest["apiVersion"], manifest["kind"]], manifest["kind"])
    assert len(found) == 3


@pytest.mark.parametrize("broken", [{"replica": 1}, {"replicas": "1"}, {"strategy": {"type": "recreate"}}])
def test_the_check_of_manifests_finds_faults(broken: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check({**manifests()[0]["spec"], **broken}, _KINDS["apps/v1", "Deployment"], "spec")


def test_what_a_manifest_names_is_there() -> None:
    deployment, service, ingress = (manifest["spec"] for manifest in manifests())
    pod = deployment["template"]["spec"]
    assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"] == service["selector"]
    assert {mount["name"] for mount in container()["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert container()["ports"] == [{"containerPort": PORT, "name": service["ports"][0]["targetPort"]}]
    (rule,), (tls,) = ingress["rules"], ingress["tls"]
    assert tls["hosts"] == [rule["host"]]
    behind = rule["http"]["paths"][0]["backend"]["service"]
    assert behind == {"name": manifests()[1]["metadata"]["name"], "port": {"name": service["ports"][0]["name"]}}


def test_it_joins_the_cluster_beside_it() -> None:
    """The same image and the same claim, as an operator of KubeRay names its head and its secret."""
    cluster = yaml.safe_load((FOLDER / "kubernetes" / "raycluster.yaml").read_text())
    head = cluster["spec"]["headGroupSpec"]["template"]["spec"]
    pod = manifests()[0]["spec"]["template"]["spec"]
    assert container()["image"] == head["containers"][0]["image"]
    assert head["volumes"][0] in pod["volumes"]
    assert f"--address={cluster['metadata']['name']}-head-svc:6379" in container()["command"][-1]
    env = {one["name"]: one for one in container()["env"]}
    assert env["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == cluster["metadata"]["name"]
    assert "[cluster,serve]" in (FOLDER / "kubernetes" / "Dockerfile").read_text()


def test_compose_has_the_fields_of_its_specification() -> None:
    check(compose(), _COMPOSE, "compose")
    services = compose()["services"]
    assert services["hsiauto"]["volumes"] == [f"root:{words(instructions('ENTRYPOINT')[0], '--root')}"]
    assert services["proxy"]["command"][-1] == f"hsiauto:{PORT}"
    build = services["hsiauto"]["build"]
    assert (FOLDER / "service" / build["context"] / build["dockerfile"]).samefile(FOLDER / "service" / "Dockerfile")


def words(command: Sequence[str], option: str) -> str:
    """The value of an option."""
    return command[list(command).index(option) + 1]


def unit() -> str:
    (line,) = re.findall(r"^ExecStart=(.*)$", (FOLDER / "service" / "hsiauto.service").read_text(), re.M)
    return str(line)


def commands() -> dict[str, list[str]]:
    """The command that each file starts the service with."""
    entry, (plain,) = instructions("ENTRYPOINT")[0], instructions("^CMD")
    own = [
        word.replace("${HSIAUTO_NAME:?the name that the machine has}", "hsi.example.org")
        for word in compose()["services"]["hsiauto"]["command"]
    ]
    pod = container()["command"][-1].partition("exec ")[2]
    return {
        "Dockerfile": [*entry, *plain],
        "compose": [*entry, *own],
        "unit": ["hsiauto", *shlex.split(unit())[1:]],
        "kubernetes": shlex.split(pod),
    }


@pytest.mark.parametrize("file", ["Dockerfile", "compose", "unit", "kubernetes"])
def test_the_service_starts_with_the_command_of_each_file(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[ServiceConfig, str, int]] = []
    monkeypatch.setattr(service_run, "serve", lambda config, host, port, *_, **__: started.append((config, host, port)))
    program, *arguments = commands()[file]
    assert (program, call(arguments)) == ("hsiauto", 0)
    ((config, host, port),) = started
    assert (host, port) == ("127.0.0.1" if file == "unit" else "0.0.0.0", PORT)
    assert config.secure
    assert config.address == ("auto" if file == "kubernetes" else None)


def test_the_image_is_made_of_files_that_there_are() -> None:
    copied = re.findall(r"^COPY (.*) /opt/hsiauto", (FOLDER / "service" / "Dockerfile").read_text(), re.M)
    missing = [name for names in copied for name in names.split() if not (FOLDER.parent / name).exists()]
    assert (len(copied), missing) == (3, [])


def test_a_pods_script_is_bash() -> None:
    bash, flag, script = container()["command"]
    assert (bash, flag) == ("bash", "-c")
    subprocess.run(["bash", "-n", "-c", script], check=True)


def test_a_restart_leaves_runs_alone() -> None:
    """They have sessions of their own, and lie in the folders that the unit may write."""
    text = (FOLDER / "service" / "hsiauto.service").read_text()
    assert re.findall(r"^KillMode=(.*)$", text, re.M) == ["process"]
    assert "PrivateTmp=" not in text
    assert words(shlex.split(unit()), "--root") == "/var/lib/hsiauto"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_in_its_unit(tmp_path: Path) -> None:
    text = (FOLDER / "service" / "hsiauto.service").read_text()
    for name, content in {"hsiauto.service": text, "hsiauto-broken.service": f"{text}KillModus=x\n"}.items():
        (tmp_path / name).write_text(content.replace("ExecStart=/opt/hsiauto/bin/hsiauto", "ExecStart=/bin/true"))
        found = subprocess.run(["systemd-analyze", "verify", tmp_path / name], capture_output=True, text=True)
        complaints = [line for line in found.stderr.splitlines() if name in line]
        assert bool(complaints) is ("broken" in name), complaints
