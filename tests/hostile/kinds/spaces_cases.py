"""Search spaces: a YAML file that names families, hyperparameters and ranges."""

from collections.abc import Iterator

from tests.hostile.case import Case
from tests.hostile.commands import estimated, file, searched

_RANGES = {
    "an empty range": "{}",
    "nothing": "",
    "a number": "3",
    "a word": "all",
    "a list": "[1.0, 2.0]",
    "no high": "{low: 1.0}",
    "reversed": "{low: 2.0, high: 1.0}",
    "one value": "{low: 1.0, high: 1.0}",
    "infinite": "{low: 1.0, high: .inf}",
    "not a number": "{low: .nan, high: 2.0}",
    "minus infinity": "{low: -.inf, high: 2.0}",
    "beyond the config's bounds": "{low: 1.0, high: 1.0e+30}",
    "negative": "{low: -5.0, high: 2.0}",
    "words": "{low: a, high: b}",
    "a number as text": '{low: "1", high: "2"}',
    "an exponent without a dot": "{low: 1e-1, high: 1e1}",
    "truth": "{low: true, high: false}",
    "lists": "{low: [1], high: [2]}",
    "null": "{low: null, high: 2.0}",
    "a log from 0": "{low: 0.0, high: 2.0, log: true}",
    "a log with a step": "{low: 1.0, high: 2.0, log: true, step: 0.1}",
    "a log of a word": "{low: 1.0, high: 2.0, log: loud}",
    "a step of 0": "{low: 1.0, high: 2.0, step: 0}",
    "a negative step": "{low: 1.0, high: 2.0, step: -1}",
    "a step of nan": "{low: 1.0, high: 2.0, step: .nan}",
    "a step that is too large": "{low: 1.0, high: 2.0, step: 5.0}",
    "a step of 1e-300": "{low: 1.0, high: 100.0, step: 1.0e-300}",
    "another key": "{low: 1.0, high: 2.0, prior: normal}",
    "both kinds": "{low: 1.0, high: 2.0, choices: [1.0]}",
    "no choice": "{choices: []}",
    "choices that repeat": "{choices: [1.0, 1.0]}",
    "choices of infinity": "{choices: [1.0, .inf]}",
    "choices of nan": "{choices: [1.0, .nan]}",
    "choices of mappings": "{choices: [{a: 1}]}",
    "choices of lists": "{choices: [[1.0]]}",
    "choices that are a word": "{choices: abc}",
    "choices of 10**400": f"{{choices: [1.0, 1{'0' * 400}]}}",
    "200,000 choices": "{choices: [" + ", ".join(f"{n / 10}" for n in range(10, 100_000)) + "]}",
}


def cases() -> Iterator[Case]:
    for name, text in _RANGES.items():
        yield searched(f"C: {name}", file("s.yaml", f"svm:\n  C: {text}\n"), "--space", "s.yaml", words="C")
    for name, text in {
        "no family": "{}",
        "an unknown family": "nobody: {C: {low: 1.0, high: 2.0}}",
        "a family that climbs": "../svm: {C: {low: 1.0, high: 2.0}}",
        "a family of no block": "svm: 3",
        "a family of a list": "svm: [C]",
        "a family of null": "svm:",
        "an unknown hyperparameter": "svm: {D: {low: 1.0, high: 2.0}}",
        "the family as a hyperparameter": "svm: {family: {choices: [svm, forest]}}",
        "a private name": "svm: {__class__: {choices: [a, b]}}",
        "a method": "svm: {model_dump: {choices: [a, b]}}",
        "a class variable": "svm: {presets: {choices: [a, b]}}",
        "a hyperparameter of control characters": 'svm: {"\\e[31mC\\a": {low: 1.0, high: 2.0}}',
        "a family of control characters": '"\\e[31msvm\\a": {C: {low: 1.0, high: 2.0}}',
        "a number as a hyperparameter": "svm: {3: {low: 1.0, high: 2.0}}",
        "whole numbers that are fractions": "forest: {n_trees: {low: 1.5, high: 2.5}}",
        "whole numbers beyond 64 bits": f"forest: {{n_trees: {{low: 1, high: {10**30}}}}}",
        "a step that is a fraction": "forest: {n_trees: {low: 10, high: 500, step: 0.5}}",
        "an even patch": "cnn2d: {patch: {low: 4, high: 10}}",
        "10,000 families": "".join(f"family{n}: {{}}\n" for n in range(10_000)),
    }.items():
        yield searched(name, file("s.yaml", text), "--space", "s.yaml")
    own = file("s.yaml", "svm: {C: {low: 1.0, high: 200.0, log: true}}\n")
    yield searched("a family that the space does not have", own, "--space", "s.yaml", "--families", "forest")
    yield searched("a pin of a family that it does not have", own, "--space", "s.yaml", "--set", "forest.n_trees=5")
    yield searched("a pin out of bounds", own, "--space", "s.yaml", "--set", "svm.C=1.0e+30", words="C")
    yield estimated("a legal space", own, "--labels", "labels.npy", "--space", "s.yaml", codes=(0,))
