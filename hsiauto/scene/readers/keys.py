"""The choice of an array in a file that holds several."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from hsiauto.errors import UserError

Role = Literal["cube", "labels"]
_FIELD = {"cube": "`key`", "labels": "`labels_key`"}


def fits(shape: tuple[int, ...], role: Role) -> bool:
    """Whether an array of this shape can be a cube (three axes) or a label map (two, or a third of length one)."""
    if role == "cube":
        return len(shape) == 3 and min(shape) > 0
    # MATLAB stores scalars and vectors as 1 x n: they are no label maps
    return len(plane := [n for n in shape if n > 1]) == 2 and len(shape) - len(plane) <= 1


def choose_key(path: Path, shapes: Mapping[str, tuple[int, ...]], key: str | None, role: Role) -> str:
    """The array named `key`, or the only one that can play the role.

    Raises UserError, listing the arrays, if there is none of that name or the choice is open.
    """
    field = _FIELD[role]
    listing = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items()) or "no numeric array"
    if key is not None:
        if key not in shapes:
            raise UserError(f"{field} must name an array of {path}", repr(key), f"It holds: {listing}")
        if not fits(shapes[key], role):
            wanted = "three axes" if role == "cube" else "two axes"
            raise UserError(f"{field} must name an array with {wanted}", repr(key), f"{path} holds: {listing}")
        return key
    candidates = [name for name, shape in shapes.items() if fits(shape, role)]
    if len(candidates) == 1:
        return candidates[0]
    what = "a cube with three axes" if role == "cube" else "a label map with two axes"
    if not candidates:
        raise UserError(f"{path} must hold {what}", listing, f"Name the file that does, and {field} if it has several")
    raise UserError(f"several arrays of {path} can be {what}", listing, f"Choose one with {field}")
