"""Options of active learning: what turns it on, what a recipe sets, what is refused."""

from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from hsiauto.cli.app import app
from hsiauto.errors import UserError
from hsiauto.training.active.recipe import RECIPES, ActiveLabels


def test_all_labels_are_known_unless_asked_otherwise(study: Any) -> None:
    assert study().labels is None
    assert study("--labels", "gt.npy").scene.labels == Path.cwd() / "gt.npy"


def test_the_word_or_any_of_its_options_turns_it_on(study: Any) -> None:
    assert study("--labels", "active").labels == ActiveLabels()
    assert study("--labels", "active").scene.labels is None
    full = "--labels active --initial 0.1 --acquire 0.03 --cycles 5 --label-budget 90 --margin-rank 2 --control"
    made = study(*full.split())
    assert made.labels == ActiveLabels(initial=0.1, acquire=0.03, cycles=5, budget=90, margin_rank=2)
    assert made.random_control
    of_a_file = study("--labels", "gt.npy", "--acquisition", "entropy")
    assert of_a_file.scene.labels == Path.cwd() / "gt.npy"
    assert of_a_file.labels == ActiveLabels(acquisition="entropy")


def test_a_recipe_sets_pool_and_epochs_where_the_user_has_not(study: Any) -> None:
    for name, recipe in RECIPES.items():
        made = study("--recipe", name)
        assert made.labels == recipe.labels
        assert (made.split.protocol, made.split.train_fraction) == ("random", recipe.pool)
        assert made.max_epochs == recipe.max_epochs
    own = study(
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
def test_what_cannot_act_is_refused(study: Any, arguments: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        study(*arguments.split())


def test_a_search_refuses_and_says_what_to_do(tmp_path: Path) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    with pytest.raises(UserError, match="hsiauto train FAMILY --labels active"):
        group.commands["search"].main(["--labels", "active", "--out", str(tmp_path / "run")], standalone_mode=False)
    assert not (tmp_path / "run").exists()
