"""Events of a run as a whole."""

from typing import Any, Literal

from pydantic import field_validator

from hsiauto.search.events.line import SCHEMA_VERSION, Amount, Count, Line, Ordinal


class Opened(Line):
    """The first event of journal.jsonl: what the run is, on which data, made by which versions."""

    event: Literal["opened"] = "opened"
    schema_version: Literal[1] = SCHEMA_VERSION
    config: dict[str, Any]
    """The RunConfig."""
    scene: str
    """Its name, with the variant."""
    data_hash: str
    """SHA-256 of the scene's files."""
    n_classes: Count
    """Classes of the split, in both training and test."""
    class_names: tuple[str, ...]
    """Their names."""
    split_hash: str
    """Identifies the pixels of train, validation and test."""
    notes: tuple[str, ...]
    """What a reader must know of the scene and the split."""
    versions: dict[str, str]
    """Package -> version."""
    study: dict[str, Any] | None = None
    """What `hsiauto study` was asked for; None for other runs."""
    git_commit: str | None = None
    """None outside a git checkout."""
    start_seconds: Amount = 0.0
    """From the start of the command, or the call, to this line: imports, scene, split."""

    @field_validator("config")
    @classmethod
    def _has_a_scene(cls, config: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(config.get("scene"), dict):
            raise ValueError("a RunConfig has a scene")
        return config


class Resumed(Line):
    """A later call goes on with the search."""

    event: Literal["resumed"] = "resumed"
    budget: Ordinal
    """Trials, those of earlier calls included."""


class Warned(Line):
    """Something a reader of the results must know. Written once for each subject and its families."""

    event: Literal["warning"] = "warning"
    about: str
    """The subject: split, budget, time, preset, refused, exhausted, mirror, warm start, `node <name>`, or `memory of
    <trial id>`."""
    text: str
    families: tuple[str, ...] = ()
    """The families that it concerns; of `budget` and `time`: that are left out."""
