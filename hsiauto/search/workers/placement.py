"""How rules about nodes (`nodes.py`) reach Ray."""

from collections.abc import Collection

import ray

from hsiauto.search.workers.resources import Resources

NODE_ID = "ray.io/node-id"
"""The label that Ray gives each node."""


def able(resources: Resources) -> dict[str, str]:
    """Ids and names of the nodes that have what one worker asks for, taken or not."""
    asked = {name.upper(): amount for name, amount in resources.request.items()}
    return {
        node["NodeID"]: node["NodeManagerHostname"]
        for node in ray.nodes()
        if node["Alive"] and all(node["Resources"].get(name, 0) >= amount for name, amount in asked.items())
    }


def away_from(nodes: Collection[str]) -> dict[str, str]:
    """A label selector for a worker that must run on none of these nodes."""
    return {NODE_ID: f"!in({', '.join(sorted(nodes))})"} if nodes else {}


def node_of_this_process() -> str:
    """The id of its node, on a worker of Ray."""
    return str(ray.get_runtime_context().get_node_id())


def node_at(address: str) -> str:
    """The id of the node with this IP address; empty if there is none, or several."""
    found = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["NodeManagerAddress"] == address]
    return found[0] if len(found) == 1 else ""
