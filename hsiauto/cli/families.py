"""`hsiauto families`: the architecture families, and the hyperparameters of one."""

from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from hsiauto.cli.console import output, say
from hsiauto.cli.options import Json
from hsiauto.cli.tables import Column, print_rows
from hsiauto.errors import UserError, did_you_mean, shown


def families(
    family: Annotated[str | None, Parameter(help="One family: its hyperparameters.")] = None,
    /,
    *,
    space: Annotated[str, Parameter(help="The space whose ranges are shown.")] = "unified",
    json: Json = False,
) -> None:
    """List the architecture families; with a name, its hyperparameters: range, default, meaning, source."""
    from hsiauto.families import FAMILIES
    from hsiauto.space import Space

    searched = Space.load(space)
    if family is None:
        columns = [Column("family"), Column("kind"), Column("input"), Column("searched", number=True)]
        columns += [Column("presets"), Column("source", prose=True)]
        n_searched = {name: len(searched.parts[name].ranges) for name in searched.families}
        print_rows(
            columns,
            [
                (name, config.kind, config.input, n_searched.get(name), ", ".join(config.presets), config.source)
                for name, config in FAMILIES.items()
            ],
            as_json=json,
        )
        return
    if family not in FAMILIES:
        raise UserError(
            "unknown family", shown(family), did_you_mean(family, FAMILIES, f"Known: {', '.join(FAMILIES)}.")
        )
    config = FAMILIES[family]
    if not json:
        say(f"{family}  {config.source}\n", output())
    ranges = searched.parts[family].ranges if family in searched.families else {}
    columns = [Column("hyperparameter"), Column("searched"), Column("default"), Column("paper")]
    columns += [Column("meaning", prose=True), Column("active if", prose=True), Column("source", prose=True)]
    print_rows(columns, _hyperparameters(config, ranges), as_json=json)


def _hyperparameters(config: Any, ranges: Any) -> Iterator[tuple[Any, ...]]:
    preset = config.preset("paper")
    paper = {name: getattr(preset, name) for name in preset.active()}
    for name, info in config.model_fields.items():
        if name == "family":
            continue
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        unit = f" [{extra['unit']}]" if extra.get("unit") else ""
        active = ", ".join(f"{parent} {value}" for parent, value in config.when(name).items())
        yield (
            name,
            str(ranges[name]) if name in ranges else None,
            _shown(info.default),
            _shown(paper.get(name)),
            f"{info.description or ''}{unit}",
            active or None,
            extra.get("source"),
        )


def _shown(value: Any) -> Any:
    """A value of a hyperparameter; configs by their families."""
    return ", ".join(member.family for member in value) if isinstance(value, tuple) else value
