"""README.md of a bundle: the model card (Mitchell et al., FAccT 2019), for whoever finds the folder."""

from collections.abc import Iterator

from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.models.bundle.provenance import Provenance
from hsiauto.models.fitted.base import Fitted

_MEASURES = {
    "blocks": "Test pixels lie in blocks apart from those that trained it.",
    "spectra": "Test spectra are of other groups than those that trained it; of maps nothing is known.",
    "groups": "Test pixels lie in other groups, such as fields, than those that trained it.",
    "random": "Test pixels are neighbours of those that trained it, where position alone is enough: such figures do "
    "not hold on ground without labels.",
    "fixed": "Test pixels are those of a given map.",
    "scenes": "Test pixels are a whole scene that trained nothing of it: the figures hold for other scenes like it.",
}
"""Protocol -> what its test figures are worth."""
_SCORES = {"aa": "AA", "kappa": "kappa"}


def readme(fitted: Fitted, provenance: Provenance) -> str:
    """The card as Markdown."""
    return "\n".join(_lines(fitted, provenance)) + "\n"


def _lines(fitted: Fitted, provenance: Provenance) -> Iterator[str]:
    yield f"# {fitted.config.family} for {_plain(provenance.dataset)}"
    yield ""
    yield "A classifier of hyperspectral pixels, made by hsiauto. Loading it executes nothing of this folder."
    if isinstance(fitted.config, EnsembleConfig):
        named = [f"{m.family} (counts {n} times)" if n > 1 else m.family for m, n in fitted.config.counted.items()]
        yield f"Its answer is the mean of those of its members: {', '.join(named)}."
    yield ""
    yield "```console"
    yield "$ hsiauto predict BUNDLE SCENE --out map.tif"
    yield "```"
    yield ""
    yield "## Input"
    yield ""
    yield f"- {fitted.n_bands} bands{_range(provenance)}, in the unit of the training scene."
    if provenance.dropped_bands:
        yield f"- Left out of the scene's file (0-based): {', '.join(map(str, provenance.dropped_bands))}."
    if provenance.value_range:
        low, high = provenance.value_range
        yield f"- Values of its training pixels: {min(low):g} to {max(high):g}. Beyond that it guesses."
    yield f"- One prediction reads the pixels at most {fitted.support} away from its own."
    yield ""
    yield "## Output"
    yield ""
    yield "| label | class |"
    yield "|---|---|"
    for value, name in zip(provenance.label_values, provenance.class_names, strict=True):
        yield f"| {value} | {_plain(name)} |"
    yield ""
    yield "## What is known of it"
    yield ""
    yield from _figures(provenance)
    yield f"- Split: {provenance.protocol}, {provenance.split_hash}; seed {provenance.seed}."
    yield f"- Data: sha256 {provenance.data_hash}."
    yield f"- Made {provenance.created_at} by " + ", ".join(f"{k} {v}" for k, v in provenance.versions.items()) + "."
    yield ""
    yield "Its config is `config.json`, its origin `provenance.json`; `hsiauto bundle verify` compares every file with "
    yield "`manifest.json`."


def _figures(provenance: Provenance) -> Iterator[str]:
    scores = provenance.test_scores
    if "oa" not in scores:
        yield "- It was scored on no test pixels."
        return
    said = f"OA {scores['oa']:.3f}"
    if "oa_low" in scores:
        said += f" (95 %: {scores['oa_low']:.3f} to {scores['oa_high']:.3f})"
    said += "".join(f", {label} {scores[name]:.3f}" for name, label in _SCORES.items() if name in scores)
    pixels = "" if provenance.test_pixels is None else f", of {provenance.test_pixels:,} pixels"
    yield f"- On test: {said}{pixels}."
    if provenance.canary_oa is not None:
        yield f"- Row and column alone, without spectra: OA {provenance.canary_oa:.3f} on the same pixels."
    yield f"- {_MEASURES.get(provenance.protocol, 'Test pixels are others than those that trained it.')}"


def _range(provenance: Provenance) -> str:
    if not provenance.wavelengths_nm:
        return ""
    return f", {min(provenance.wavelengths_nm):.0f} to {max(provenance.wavelengths_nm):.0f} nm"


def _plain(name: str) -> str:
    """A name that Markdown takes as text."""
    return " ".join("".join("\\" + c if c in "\\|`*_<>[]#" else c for c in name).split())
