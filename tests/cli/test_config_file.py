"""The file of --config: any option may stand in it, the command line wins, mistakes are one line."""

import re
from pathlib import Path
from typing import Any

import pytest

from hsiauto.errors import UserError
from tests.cli.conftest import Run


def write(text: str) -> str:
    Path("run.yaml").write_text(text)
    return "run.yaml"


@pytest.fixture(autouse=True)
def in_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_any_option_may_stand_in_it(run_config: Any) -> None:
    file = write(
        "dataset: salinas\nbudget: 1k\ntime-limit: 2h\nfamilies: [svm, cnn2d]\nset: {svm.C: 3, cnn2d: {depth: 2}}\n"
        "objective: [oa, macs]\nprotocol: random\ntrain-fraction: 0.2\nunlabelled: none\nignore-labels: 0\n"
        "warm-start: runs/x\nreduction: 3\n"
    )
    made = run_config("--config", file, command="search")
    typed = (
        "--dataset salinas --budget 1000 --time-limit 7200 --families svm,cnn2d --set svm.C=3 --set cnn2d.depth=2 "
        "--objective oa --objective macs --protocol random --train-fraction 0.2 --unlabelled none --ignore-labels 0 "
        "--warm-start runs/x --reduction 3"
    )
    assert made == run_config(*typed.split(), command="search")
    assert (made.budget, made.time_limit_s, made.pins) == (1000, 7200, {"svm.C": 3, "cnn2d.depth": 2})


def test_the_command_line_wins(run_config: Any) -> None:
    file = write("budget: 7\nprotocol: blocks\nblock-size: 8\ntrain-fraction: 0.2\nunlabelled: none\n")
    typed = (
        "--config",
        file,
        "--budget",
        "9",
        "--protocol",
        "random",
        "--train-per-class",
        "3",
        "--unlabelled",
        "scene",
    )
    made = run_config(*typed, command="search")
    assert (made.budget, made.split.protocol, made.unlabelled) == (9, "random", "scene")
    assert (made.split.train_fraction, made.split.train_per_class) == (None, 3)


def test_arguments_and_own_options_of_a_command_stand_in_it_too(run_config: Any) -> None:
    file = write("command: train\nfamily: svm\nset: {C: 3}\nseeds: 4\nrecipe: cpdgal-salinas\ncycles: 2\n")
    made = run_config("--config", file, family="")
    assert (made.winner_seeds, made.labels.cycles, made.split.protocol) == (4, 2, "random")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("buget: 3\n", "run.yaml: unknown option; received 'buget'. Did you mean budget"),
        ("budget: 0\n", "--budget: a count is a positive number"),
        ("command: train\nfamily: svm\n", "run.yaml is a file of `hsiauto train`.*hsiauto train --config run.yaml"),
        ("config: other.yaml\n", "unknown option; received 'config'"),
        ("resume: runs/x\n", "unknown option; received 'resume'"),
        ("protocol: random\nbuffer: 3\n", "--buffer belongs to --protocol blocks, groups, fixed and scenes"),
        ("budget: 3\nbudget: 4\n", "a key stands once; received 'budget' twice"),
        ("budget: &a 3\nreduction: *a\n", "an alias"),
        ("- budget\n", "a mapping"),
        ("budget: [\n", "must be YAML"),
        ("sampler: magic\n", r'Invalid value "magic" for \[sampler\] from run.yaml'),
        (f"dataset: {'x' * 200}\nbudget: [[{'y' * 200}]]\n", "--budget"),
    ],
)
def test_mistakes_are_one_short_line(run: Run, text: str, words: str) -> None:
    write(text)
    code, _, error = run("search", "--config", "run.yaml", "--out", "out")
    assert code == 2
    assert re.search(words, error), error
    assert error.count("\n") == 1
    assert len(error) < 300
    assert not Path("out").exists()


def test_a_file_that_is_none(run: Run) -> None:
    code, _, error = run("search", "--config", "nowhere.yaml")
    assert (code, "nowhere.yaml must be a file that can be read" in error) == (2, True)
    Path("large.yaml").write_text("# " + "x" * 2**20)
    assert "at most 1,048,576 bytes" in run("search", "--config", "large.yaml")[2]


def test_a_resume_takes_no_file(run: Run) -> None:
    write("budget: 9\n")
    code, _, error = run("search", "--resume", "run", "--config", "run.yaml")
    assert (code, "received --config" in error) == (2, True)


def test_hyperparameters_of_a_train_are_refused_by_name(run_config: Any) -> None:
    for text, words in (
        ("family: svm\nset: {colour: red}\n", "colour"),
        ("family: resnet\n", "unknown family"),
        ("family: svm\npreset: best\n", "unknown preset"),
    ):
        with pytest.raises(UserError, match=words):
            run_config("--config", write(text), family="")
