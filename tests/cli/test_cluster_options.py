"""--address, --storage and submit as a user meets them: mistakes are one line, exit code 2, and write nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hsiauto.cli.app import main

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Call the command line in an empty folder -> (exit code, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["hsiauto", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        return int(exit_.value.code or 0), capsys.readouterr().err

    return call


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search", "--address", "ray://head:10001"], "hsiauto submit"),
        (["train", "svm", "--address", "ray://head:10001"], "hsiauto submit"),
        (["study", "cpdgal_masking", "--address", "ray://head:10001"], "hsiauto submit"),
        (["search", "--storage", "nowhere://bucket/run"], "--storage"),
        (["search", "--storage", "full"], "new or empty"),
    ],
)
def test_what_a_cluster_cannot_do_is_said_before_anything_is_written(
    run: Run, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    code, error = run(*arguments, "--out", "run")
    assert code == 2
    assert words in error
    assert error.count("\n") == 1
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "bundle"], "search, train, refit, study"),
        (["search", "--dataset", "demo"], "--out /PATH"),
        (["search", "--dataset", "demo", "--out", "/shared/run", "--budget", "3"], "http://HEAD:8265"),
    ],
)
def test_submit_hands_over_other_options_and_refuses_what_would_be_lost(
    run: Run, arguments: list[str], words: str
) -> None:
    code, error = run("submit", *arguments, "--address", "head:6379")
    assert code == 2
    assert words in error


def test_submit_without_an_address_is_refused(run: Run) -> None:
    code, error = run("submit", "search", "--out", "/shared/run")
    assert code == 2
    assert "--address" in error
