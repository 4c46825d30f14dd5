"""The command line as a user meets it: one line for each mistake, exit code 2, nothing written."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from hsiauto.cli import options_table
from hsiauto.config import RunConfig
from hsiauto.runs import folder as folders
from hsiauto.scene import Scene
from hsiauto.scene.source import SceneSource
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def files(tiny_scene: Scene, tmp_path: Path) -> Path:
    """A folder of good and bad files."""
    folder = tmp_path / "files"
    folder.mkdir()
    cube, labels = tiny_scene.cube, tiny_scene.labels.astype(np.int64)
    np.save(folder / "cube.npy", cube)
    np.save(folder / "labels.npy", labels)
    np.save(folder / "small.npy", labels[:-3])
    np.save(folder / "negative.npy", np.where(labels == 1, -1, labels))
    np.save(folder / "one_class.npy", np.minimum(labels, 1))
    np.save(folder / "constant.npy", np.ones_like(cube))
    holes = cube.astype(np.float32)
    holes[np.unravel_index(np.flatnonzero(labels)[::3], labels.shape)] = np.nan
    np.save(folder / "holes.npy", holes)
    (folder / "truncated.npy").write_bytes((folder / "cube.npy").read_bytes()[:500])
    (folder / "thesis.npy").write_text("not an array")
    savemat(folder / "two.mat", {"a": cube, "b": cube})
    (folder / "range.yaml").write_text("cnn2d:\n  width: {low: 0, high: 8}\n")
    (folder / "text.yaml").write_text("cnn2d:\n  learning_rate: {low: 1e-4, high: 1.0e-2, log: true}\n")
    (folder / "axis.yaml").write_text("cnn2d:\n  colour: {choices: [1]}\n")
    return folder


def scene(files: Path, cube: str = "cube.npy", labels: str = "labels.npy") -> list[str]:
    return ["--dataset", str(files / cube), "--labels", str(files / labels)]


@pytest.mark.parametrize(
    ("cube", "labels", "words"),
    [
        ("nowhere.mat", "labels.npy", "nowhere.mat"),
        ("truncated.npy", "labels.npy", "truncated.npy"),
        ("thesis.npy", "labels.npy", "thesis.npy"),
        ("cube.npy", "nowhere.npy", "nowhere.npy"),
        ("cube.npy", "small.npy", "37"),
        ("cube.npy", "negative.npy", "negative|-1"),
        ("cube.npy", "one_class.npy", "two classes"),
        ("constant.npy", "labels.npy", "constant|vary"),
        ("holes.npy", "labels.npy", "--on-nodata"),
        ("two.mat", "labels.npy", "--key"),
    ],
)
def test_bad_scenes(run: Run, files: Path, cube: str, labels: str, words: str) -> None:
    code, _, error = run("search", *scene(files, cube, labels), "--out", "run")
    assert code == 2
    assert re.search(words, error), error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--budget", "0"], "budget"),
        (["--time-limit", "soon"], "30m"),
        (["--families", "resnet"], "resnet"),
        (["--sampler", "magic"], "sampler"),
        (["--scheduler", "hope"], "scheduler"),
        (["--objective", "luck"], "objective"),
        (["--objective", "kappa", "--objective", "aa"], "second time"),
        (["--objective", "parameters"], "--objective is kappa"),
        (["--objective", "kappa", "--objective", "macs", "--sampler", "cmaes"], "one objective"),
        (["--max-parameters", "few"], "100k"),
        (["--max-gpu-hours", "1"], "--time-limit"),
        (["--max-gpu-hours", "0"], "max-gpu-hours"),
        (["--max-gpu-hours", "nan"], "max-gpu-hours"),
        (["--max-gpu-hours", "inf"], "max-gpu-hours: .*finite"),
        (["--warm-start", "nowhere"], "nowhere"),
        (["--protocol", "honest"], "protocol"),
        (["--set", "cnn2d.colour=3"], "colour"),
        (["--set", "cnn2d.width=0"], "width"),
        (["--set", "width=8"], "family.hyperparameter"),
        (["--space", "range.yaml"], "width"),
        (["--space", "text.yaml"], "1.0e-4|number"),
        (["--space", "axis.yaml"], "colour"),
        (["--space", "nowhere.yaml"], "nowhere.yaml"),
        (["--train-fraction", "0.5", "--train-per-class", "3"], "train"),
        (["--train-fraction", "10"], "train-fraction"),
        (["--buffer", "-1"], "buffer"),
        (["--buffer", "60"], "train|left"),
        (["--protocol", "fixed"], "--train-map"),
        (["--train-map", "labels.npy"], "fixed"),
        (["--layout", "WHC"], "layout"),
        (["--ignore-labels", "x"], "ignore-labels"),
        (["--set", "cnn2d.patch=65", "--families", "cnn2d"], "patch"),
        (["--protocol", "random", "--buffer", "5"], "--buffer belongs to"),
        (["--protocol", "random", "--block-size", "16"], "--block-size belongs to"),
        (["--protocol", "random", "--test-fraction", "0.2"], "--test-fraction belongs to"),
        (["--drop-conflicts"], "--drop-conflicts belongs to"),
        (["--split-seed", "-1"], "split-seed"),
        (["--seed", "4294967295"], "seed"),
    ],
)
def test_bad_options(run: Run, files: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str) -> None:
    monkeypatch.chdir(files)
    code, _, error = run("search", *scene(files), "--out", "run", *options)
    assert code == 2, error
    assert re.search(words, error), error
    assert "Traceback" not in error
    assert not Path("run").exists()


def test_missing_data_says_which_files_to_put_where(run: Run) -> None:
    code, _, error = run("search", "--dataset", "salinas", "--budget", "200")
    assert code == 2
    for words in ("Salinas_corrected.mat", "Salinas_gt.mat", "no-data"):
        assert words in error


def test_unwritable_and_foreign_folders(run: Run, files: Path) -> None:
    code, _, error = run("search", *scene(files), "--out", str(files))
    assert (code, "new or empty" in error) == (2, True)
    code, _, error = run("search", *scene(files), "--out", str(files / "cube.npy" / "run"))
    assert code == 2
    code, _, error = run("search", "--resume", str(files))
    assert (code, "run folder" in error) == (2, True)


def test_resume_refuses_what_it_would_ignore(run: Run, files: Path) -> None:
    code, _, error = run("search", "--resume", "run", "--families", "svm", "--budget", "9")
    assert (code, "--families" in error, "Leave it out" in error) == (2, True, True)
    code, _, error = run("search", "--resume", "run", "--budget", "9", "--concurrency", "1", "--data-dir", str(files))
    assert (code, "run folder" in error) == (2, True), "these go with --resume: only the folder is wrong"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--max-gpu-hours", "-1"], "max-gpu-hours: .*greater than 0"),
        (["--max-gpu-hours", "nan"], "max-gpu-hours: "),
        (["--max-gpu-hours", "inf"], "max-gpu-hours: .*finite"),
        (["--max-gpu-hours", "1.5"], "--max-gpu-hours; received 1.5, below 2.0"),
        (["--budget", "9"], "--budget; received 9, below 10"),
    ],
)
def test_resume_writes_nothing_that_a_new_search_would_refuse(
    run: Run, tmp_path: Path, options: list[str], words: str
) -> None:
    run_config = RunConfig(scene=SceneSource(dataset="demo"), budget=10, max_gpu_hours=2)
    path = tmp_path / "run" / folders.CONFIG
    path.parent.mkdir()
    folders.write_config(path.parent, run_config)
    (path.parent / folders.JOURNAL).touch()
    before = path.read_bytes()
    code, _, error = run("search", "--resume", "run", *options)
    assert code == 2, error
    assert re.search(words, error), error
    assert error.count("\n") == 1
    assert path.read_bytes() == before


def test_train_refuses_what_the_scene_cannot_feed(run: Run, files: Path) -> None:
    for setting, remedy in (("patch=65", "Set patch="), ("components=9000", "components")):
        code, _, error = run("train", "cnn2d", *scene(files), "--set", setting, "--out", "run")
        assert (code, remedy in error) == (2, True), error
        assert not Path("run").exists()


def test_other_commands_refuse(run: Run, files: Path) -> None:
    for arguments, words in (
        (["train", "resnet"], "unknown family"),
        (["train", "coordinate_1nn", *scene(files)], "reference"),
        (["predict", str(files), str(files / "cube.npy"), "--out", "map.png"], "bundle|model"),
        (["leaderboard", str(files)], "leaderboard"),
        (["show", str(files)], "journal"),
        (["families", "resnet"], "unknown family"),
        (["families", "--space", "nowhere"], "nowhere"),
        (["datasets", "verify", "atlantis"], "atlantis"),
        (["refit", str(files), "--split-seed", "1"], "run folder"),
        (["refit", str(files), "--split-seed", "-1"], "split-seed"),
        (["train", "svm", *scene(files), "--seeds", "0"], "seeds"),
        (["search", "--colour", "red"], "--colour"),
        (["estimate", "resnet"], "resnet"),
        (["estimate", "--preset", "paper"], "one family"),
        (["estimate", "cnn2d", *scene(files), "--preset", "huge"], "unknown preset"),
        (["estimate", "cnn2d", *scene(files), "--preset", "paper", "--set", "svm.C=1"], "is estimated"),
        (["estimate", "cnn2d", *scene(files), "--preset", "paper", "--set", "cnn2d.patch=65"], "Set patch="),
    ):
        code, _, error = run(*arguments)
        assert code == 2, (arguments, error)
        assert re.search(words, error), (arguments, error)
        assert "Traceback" not in error


def test_listings(run: Run) -> None:
    code, out, _ = run("families")
    assert code == 0
    assert {"cpdgal", "vit", "svm", "coordinate_1nn"} <= set(re.findall(r"\w+", out))
    code, out, _ = run("families", "cpdgal")
    assert code == 0
    assert "diffusion_steps" in out
    code, out, _ = run("datasets")
    assert code == 0
    assert "salinas" in out
    assert "demo" in out


def test_estimate_prints_what_configs_cost(run: Run, files: Path) -> None:
    code, out, _ = run("estimate", "cnn1d", *scene(files), "--max-epochs", "3", "--cpus-per-trial", "1")
    assert code == 0
    for words in ("preset", "smallest", "largest", "s, 3 epochs"):
        assert words in out
    code, out, _ = run("estimate", "cnn1d", *scene(files), "--preset", "paper", "--set", "cnn1d.batch_size=5", "--json")
    (row,) = (json.loads(line) for line in out.splitlines())
    assert (code, row["family"], row["name"], row["config"]["batch_size"]) == (0, "cnn1d", "paper", 5)
    assert row["full_seconds"] == pytest.approx(60 * row["epoch_seconds"])
    assert not list(Path().glob("runs")), "nothing is written"


OPTIONS = Path(__file__).with_name("options.txt")


def test_options_are_frozen() -> None:
    """An option is a promise. After a change: python -m hsiauto.cli.options_table > tests/cli/options.txt"""
    assert options_table.listing() == OPTIONS.read_text(), "renew the list, the README and the changelog"


def test_readme_names_only_what_exists() -> None:
    text = (ROOT / "README.md").read_text()
    known = {name for row in options_table.rows() for name in row.names} | {"--help", "--storage-class"}
    commands = {row.command.split()[0] for row in options_table.rows()}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known
    assert set(re.findall(r"hsiauto ([a-z]+)\b(?=[^\n]*[`\n])", text)) - commands <= {"finds"}
    for name in commands:
        assert f"hsiauto {name}" in text


def test_help_and_documentation_name_the_same_exit_codes(run: Run) -> None:
    _, out = run("--help")[:2]
    [line] = [line for line in out.splitlines() if line.startswith("Exit codes")]
    table = (ROOT / "docs" / "options.md").read_text().split("## Exit codes")[1]
    assert re.findall(r"\b\d+\b", line) == re.findall(r"^\| (\d+) \|", table, re.M)
