"""The model card says what the model takes, gives and is worth."""

from pathlib import Path

import pytest

from hsiauto.models.bundle import readme, save_bundle
from tests.models.test_bundle import PROVENANCE
from tests.small_scene import KINDS, fitted, small_data


def test_it_lies_in_the_bundle_under_its_manifest(tmp_path: Path) -> None:
    save_bundle(fitted(KINDS[0], small_data()), tmp_path / "bundle", PROVENANCE)
    assert (tmp_path / "bundle" / "README.md").read_text().startswith("# ")
    assert '"README.md"' in (tmp_path / "bundle" / "manifest.json").read_text()


def test_it_says_bands_labels_scores_and_what_they_are_worth() -> None:
    scores = {"oa": 0.5, "oa_low": 0.4, "oa_high": 0.6, "kappa": 0.45}
    card = readme(
        fitted("svm", small_data()), PROVENANCE.model_copy(update={"test_scores": scores, "test_pixels": 1234})
    )
    assert "10 bands, 400 to 494 nm" in card
    assert "| 6 | woods |" in card
    assert "OA 0.500 (95 %: 0.400 to 0.600), kappa 0.450, of 1,234 pixels." in card
    assert "blocks apart" in card
    assert "0, 11" in card


@pytest.mark.parametrize("name", ["a|b", "<b>x</b>", "# head", "two\nlines", "[a](b)"])
def test_a_class_name_is_no_markup(name: str) -> None:
    named = PROVENANCE.model_copy(update={"class_names": ("soil", name, "woods")})
    (line,) = [line for line in readme(fitted("svm", small_data()), named).splitlines() if line.startswith("| 2 |")]
    inside = line.removeprefix("| 2 | ").removesuffix(" |")
    assert not any(c in inside.replace(f"\\{c}", "") for c in "|<#[*")


def test_an_ensemble_names_its_members() -> None:
    card = readme(fitted("ensemble", small_data()), PROVENANCE)
    assert "the mean of those of its members: cnn2d, forest, svm (counts 2 times)." in card
    assert "members" not in readme(fitted("svm", small_data()), PROVENANCE)


def test_a_model_without_a_score_says_so() -> None:
    card = readme(fitted("svm", small_data()), PROVENANCE.model_copy(update={"test_scores": {}}))
    assert "scored on no test pixels" in card
