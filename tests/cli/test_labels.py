"""Options of active learning: what turns it on, what a recipe sets, what is refused."""

from pathlib import Path
from typing import Any

import pytest

from hsiauto.cli.app import call
from hsiauto.errors import UserError
from hsiauto.training.active.recipe import RECIPES, ActiveLabels


def test_all_labels_are_known_unless_asked_otherwise(run_config: Any) -> None:
    assert run_config().labels is None
    assert run_config("--labels", "gt.npy").scene.labels == Path.cwd() / "gt.npy"


def test_the_word_or_any_of_its_options_turns_it_on(run_config: Any) -> None:
    assert run_config("--labels", "active").labels == ActiveLabels()
    assert run_config("--labels", "active").scene.labels is None
    full = "--labels active --initial 0.1 --acquire 0.03 --cycles 5 --label-budget 90 --margin-rank 2 --control"
    made = run_config(*full.split())
    assert made.labels == ActiveLabels(initial=0.1, acquire=0.03, cycles=5, budget=90, margin_rank=2)
    assert made.random_control
    of_a_file = run_config("--labels", "gt.npy", "--acquisition", "entropy")
    assert of_a_file.scene.labels == Path.cwd() / "gt.npy"
    assert of_a_file.labels == ActiveLabels(acquisition="entropy")


def test_a_recipe_sets_pool_and_epochs_where_the_user_has_not(run_config: Any) -> None:
    for name, recipe in RECIPES.items():
        made = run_config("--recipe", name)
        assert made.labels == recipe.labels
        assert (made.split.protocol, made.split.train_fraction) == ("random", recipe.pool)
        assert made.max_epochs == recipe.max_epochs
    own = run_config(
        *("--recipe", "cpdgal-salinas", "--protocol", "blocks", "--train-per-class", "9"),
        *("--max-epochs", "7", "--cycles", "2", "--acquisition", "random"),
    )
    assert (own.split.protocol, own.split.train_fraction, own.split.train_per_class) == ("blocks", None, 9)
    assert own.max_epochs == 7
    changed = RECIPES["cpdgal-salinas"].labels.model_copy(update={"cycles": 2, "acquisition": "random"})
    assert own.labels == changed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--recipe magic", "cpdgal-salinas"),
        ("--initial 0", "initial"),
        ("--acquire 1.5", "acquire"),
        ("--acquisition luck", "acquisition"),
        ("--acquisition entropy --margin-rank 2", "--margin-rank belongs to"),
        ("--acquisition random --control", "--control compares"),
        ("--recipe cpdgal-salinas --buffer 3", "--buffer belongs to"),
    ],
)
def test_what_cannot_act_is_refused(run_config: Any, arguments: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        run_config(*arguments.split())


def test_a_search_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="`hsiauto train FAMILY` with --labels active"):
        call(["search", "--labels", "active", "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()
