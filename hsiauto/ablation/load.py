"""A study file -> Definition, every mistake named by the file and the line that it is in."""

from difflib import get_close_matches
from importlib import resources
from pathlib import Path

import yaml
from pydantic import ValidationError

from hsiauto.ablation.definition import Definition
from hsiauto.errors import UserError

_SHIPPED = resources.files("hsiauto.search_spaces") / "studies"


def shipped() -> tuple[str, ...]:
    """Names of the studies that come with hsiauto."""
    return tuple(sorted(f.name.removesuffix(".yaml") for f in _SHIPPED.iterdir() if f.name.endswith(".yaml")))


def load(name_or_path: str) -> tuple[str, Definition]:
    """(name, study) of one that ships, or of a YAML file. Raises UserError; cells are checked by `cells.grid`."""
    if name_or_path in shipped():
        name, text = name_or_path, (_SHIPPED / f"{name_or_path}.yaml").read_text(encoding="utf-8")
    else:
        path = Path(name_or_path)
        if not path.is_file():
            close = get_close_matches(name_or_path, shipped(), 2)
            remedy = f"Did you mean {' or '.join(close)}?" if close else "`hsiauto study` lists those that ship."
            raise UserError("a study is one that ships with hsiauto, or a YAML file", repr(name_or_path), remedy)
        name, text = path.stem, path.read_text(encoding="utf-8", errors="replace")
    try:
        return name, Definition.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise UserError(f"study {name}: must be YAML", " ".join(str(error).split()), "Mend the file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        rule = first["msg"].removeprefix("Value error, ")
        received = repr(first["input"]) if where else None  # a rule over several lines names them itself
        raise UserError(f"study {name}: {where + ': ' if where else ''}{rule}", received, "Mend the file.") from error
