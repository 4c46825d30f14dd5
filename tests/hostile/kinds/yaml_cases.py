"""YAML and JSON that somebody wrote, by each way into the program: a config file, a search space, a study."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.hostile.case import Case
from tests.hostile.commands import file, searched
from tests.hostile.template import RANDOM


def laughs(depth: int = 10, width: int = 10) -> str:
    """A billion laughs: each line an alias of the one before, ten times."""
    lines = ["l0: &l0 lol"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * width)}]" for n in range(1, depth)]
    return "\n".join(lines) + "\n"


TEXTS: dict[str, str | bytes] = {
    "nothing": b"",
    "a comment": b"# nothing\n",
    "a list": b"- a\n- b\n",
    "a word": b"word",
    "a number": b"3",
    "null": b"null",
    "a billion laughs": laughs(),
    "a billion laughs of mappings": laughs().replace("[", "{a: ").replace("]", "}").replace(", *", ", b: *"),
    "an alias of itself": b"a: &a [*a]\n",
    "merge keys": b"a: &a {b: 1}\nc: {<<: *a}\n",
    "a key twice": b"budget: 3\nbudget: 4\n",
    "a nested key twice": b"svm: {C: {low: 1.0, high: 2.0}, C: {low: 1.0, high: 3.0}}\n",
    "depth 60": b"a: " + b"[" * 60 + b"]" * 60,
    "depth 100,000": b"a: " + b"[" * 100_000 + b"]" * 100_000,
    "depth 100,000 of mappings": b"{a: " * 100_000,
    "a tag of Python": b"a: !!python/object/apply:pathlib.Path.touch [executed]\n",
    "a tag of a Python name": b"a: !!python/name:os.system\n",
    "a tag of nobody": b"a: !thing {b: 1}\n",
    "binary": b"a: !!binary aGFsbG8=\n",
    "a set": b"a: !!set {b, c}\n",
    "a NUL": b"budget: 3\0\n",
    "an escape code": b"\x1b[31mred: 3\n",
    "an escape code, quoted": b'"\\e[31mred\\a": 3\n',
    "an escape code as a value": b'budget: "\\e[31mred\\a"\n',
    "a line break in a key": b'"two\\nlines": 3\n',
    "a byte order mark of UTF-16": "budget: 3\n".encode("utf-16"),
    "Latin-1": "budget: é\n".encode("latin-1"),
    "tabs": b"a:\n\tb: 1\n",
    "two documents": b"a: 1\n---\nb: 2\n",
    "2 MB": b"a: " + b"x" * (2 << 20),
    "2 MB of keys": b"".join(b"k%d: 1\n" % n for n in range(200_000)),
    "a key of 100,000 letters": b"k" * 100_000 + b": 1\n",
    "a list as a key": b"[a, b]: 1\n",
    "a number as a key": b"3: 1\n",
    "null as a key": b"~: 1\n",
    "truth as a key": b"yes: 1\n",
    "a date that is none": b"a: 2026-99-99\n",
    "an integer of 100,000 digits": b"budget: " + b"9" * 100_000 + b"\n",
    "an open quote": b'a: "b\n',
    "an open brace": b"a: {b: 1\n",
    "JSON, cut": b'{"budget": 3, "see',
    "a name of nobody": b"nobody: 3\n",
}

_WAYS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "config": lambda name: ("--config", name),
    "space": lambda name: ("--space", name),
}


def cases() -> Iterator[Case]:
    for title, text in TEXTS.items():
        made = file("hostile.yaml", text)
        for way, arguments in _WAYS.items():
            yield searched(f"{way}: {title}", made, *arguments("hostile.yaml"))
        scene = ("--dataset", "cube.npy", "--labels", "labels.npy", *RANDOM)
        yield Case(f"study: {title}", ("study", "hostile.yaml", *scene), made)
    run = file("run/run.yaml", TEXTS["a billion laughs"])
    yield Case("run folder: a billion laughs", ("search", "--resume", "run"), run)
    mark = file("hostile.yaml", "\ufeffbudget: 0\n")
    yield replace(searched("config: a byte order mark", mark, "--config", "hostile.yaml"), words="budget")
