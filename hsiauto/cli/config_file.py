"""The file of `--config`: options without their dashes, taken where the command line gives none."""

import json
from collections.abc import Iterator, Mapping
from functools import reduce
from typing import Any

from cyclopts import App
from cyclopts.argument import ArgumentCollection
from cyclopts.config import Dict

from hsiauto.errors import UserError, did_you_mean, shown
from hsiauto.files import read_yaml
from hsiauto.settings import typed_path

_NOT_IN_A_FILE = ("config", "resume")
_OF: Mapping[tuple[str, ...], str] = {("remote", "run"): "search"}
"""Commands that take the file of another."""


def read_config_file(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Give each argument that was not typed its value in the file. Raises UserError for a file of something else."""
    by_name = {argument.name.lstrip("-").lower(): argument for argument in arguments}
    asked = by_name.get("config")
    if asked is None or not asked.tokens:
        return
    path = typed_path(asked.tokens[0].value)
    fields = read_yaml(path)
    own = _OF.get(commands, commands[0])
    command = fields.pop("command", own)
    if command != own:
        rule = f"{path} is a file of `hsiauto {command}`"
        raise UserError(rule, f"`hsiauto {' '.join(commands)}`", f"Call hsiauto {command} --config {path}.")
    known = [name for name in by_name if name not in _NOT_IN_A_FILE]
    for name in fields:
        if name not in known:
            raise UserError(f"{path}: unknown option", shown(name), did_you_mean(name, known, "See --help."))
    from hsiauto.config import overlaid

    typed = {name: argument.tokens[0].value for name, argument in by_name.items() if argument.tokens}
    acting = overlaid(typed, {name: value for name, value in fields.items() if value is not None})
    values = {name: _typed(value, by_name[name].hint) for name, value in acting.items() if name not in typed}
    nested = reduce(lambda inner, command: {command: inner}, reversed(commands), values)
    Dict(nested, source=str(path))(app, commands, arguments)


def _typed(value: Any, hint: Any) -> Any:
    """`value` as it would be typed: `{depth: 6}` is depth=6; a list is several values, or one with commas."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        value = [assignment for name, inner in value.items() for assignment in _assignments(name, inner)]
    several = "list" in str(hint)
    if isinstance(value, list):
        texts = [
            ",".join(a for name, inner in one.items() for a in _assignments(name, inner))
            if isinstance(one, Mapping)
            else str(one)
            for one in value
        ]
        return texts if several else ",".join(texts)
    return [str(value)] if several else str(value)


def _assignments(name: str, value: Any) -> Iterator[str]:
    """`depth`, 6 -> depth=6; `cpdgal`, {depth: 6} -> cpdgal.depth=6."""
    if isinstance(value, Mapping):
        for inner, one in value.items():
            yield from _assignments(f"{name}.{inner}", one)
    else:
        yield f"{name}={json.dumps(value, default=str)}"
