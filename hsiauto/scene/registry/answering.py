"""Which sources of the known scenes answer: asked by `make check-sources`, which writes it down, told by the list."""

import datetime
import urllib.request
from functools import cache
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from hsiauto.files import parse_yaml, write_yaml
from hsiauto.scene.registry.download import NETWORK, TIMEOUT_S, why
from hsiauto.scene.registry.known import RegisteredScene

RECORD = "sources.yaml"


class Answers(BaseModel):
    """One check of every source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checked: datetime.date
    answered: tuple[str, ...]
    silent: dict[str, str]
    """URL -> why it does not count."""


def why_silent(url: str) -> str:
    """Why `url` gives no file; empty: the first byte of one came. Its checksum is checked when it is downloaded."""
    request = urllib.request.Request(url, headers={"User-Agent": "hsiauto", "Range": "bytes=0-0"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            kind = response.headers.get_content_type()
            return "a page, no file" if kind == "text/html" else "" if response.read(1) else "nothing"
    except NETWORK as error:
        return why(error)


def record(answers: Answers, path: Path) -> None:
    """Write `answers` down."""
    write_yaml(path, answers.model_dump(), "Which sources of known scenes answered: make check-sources")


@cache
def last() -> Answers | None:
    """The last check that was written down; None: there was none."""
    file = resources.files("hsiauto.scene") / RECORD
    return Answers.model_validate(parse_yaml(file.read_text("utf-8"), RECORD)) if file.is_file() else None


def urls(scene: RegisteredScene) -> list[str]:
    """Every source of a scene's files."""
    return [url for file in (scene.cube, scene.labels) if file is not None for url in file.urls]


def told(scene: RegisteredScene) -> str:
    """How many sources the cube has, and how many answered and when; empty: it is not downloaded."""
    if scene.cube is None or not scene.cube.urls:
        return ""
    sources, answers = scene.cube.urls, last()
    if answers is None:
        return f"{len(sources)}, not checked"
    return f"{len(set(sources) & set(answers.answered))} of {len(sources)} answered {answers.checked}"
