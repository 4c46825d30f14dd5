"""Manifests against rules: which fields there are, of which type, with which choices."""

from collections.abc import Mapping
from typing import Any


def check(value: Any, rule: Any, where: str) -> None:
    """A rule is a type, a tuple of choices, [the rule of each item], {field: its rule}, "strings" (a mapping to them),
    or a function (value, where) that asserts."""
    match rule:
        case "strings":
            assert all(isinstance(v, str) for v in value.values()), f"{where}: a mapping to strings"
        case dict():
            assert isinstance(value, dict), where
            assert value.keys() <= rule.keys(), f"{where}: {value.keys() - rule.keys()}"
            for name, part in value.items():
                check(part, rule[name], f"{where}.{name}")
        case tuple():
            assert value in rule, f"{where}: {value}"
        case [item]:
            assert isinstance(value, list), where
            for part in value:
                check(part, item, where)
        case type():
            assert type(value) is rule, f"{where}: {value!r}"
        case _:
            rule(value, where)


def check_ray_pod(pod: Mapping[str, Any], where: str) -> None:
    """What Ray needs of a pod."""
    assert pod.keys() <= {"containers", "volumes"}, where
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in pod["containers"]:
        assert container.keys() <= {"name", "image", "ports", "env", "resources", "volumeMounts"}, where
        assert container["resources"]["limits"] == container["resources"]["requests"], f"{where}: Ray counts the limits"
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
