"""`hsiauto split`: what a split of a scene is, and what others would keep, before anything is trained."""

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from hsiauto.cli.console import errors, output, say
from hsiauto.cli.options import Given, PathName, with_settings
from hsiauto.cli.tables import Column, print_rows
from hsiauto.config import run_config_from
from hsiauto.errors import UserError

if TYPE_CHECKING:
    from hsiauto.scene import Scene
    from hsiauto.split import Split, SplitSpec
    from hsiauto.split.budget import Labels


@with_settings("split")
def split(
    given: Given,
    scene: Annotated[str | None, Parameter(help="A known scene or a file. [default: demo]")] = None,
    /,
    *,
    out: Annotated[PathName | None, Parameter(help="Draw the split into this PNG.")] = None,
) -> None:
    """Show who would train, validate and test on a scene, how far apart, before a search.

    Counts by class, validation folds, distances from training of test and map, and what other blocks and buffers would
    keep.
    """
    run_config = run_config_from("split", {**given.settings, **({"dataset": scene} if scene else {})})
    if out is not None and not run_config.split.has_places:
        raise UserError("spectra lie nowhere, so there is no picture of their split", f"--out {out}", "Leave it out.")
    from hsiauto.cli.progress import download_bars
    from hsiauto.runs.prepare import fixed_maps
    from hsiauto.runs.told import scene_line
    from hsiauto.scene import open_scene
    from hsiauto.split import choose, folds, make_split, settled

    console = output()
    with download_bars(errors()) as progress:
        opened = open_scene(run_config.scene, progress)
    for text in (scene_line(opened, has_places=run_config.split.has_places), *opened.notes):
        say(text, console)
    spec, maps, groups = run_config.split, fixed_maps(run_config.split, opened), opened.groups
    if spec.protocol not in ("random", "scenes", "spectra"):
        _show_rungs(opened.labels, spec, maps, groups)
    choice = choose(opened.labels, spec, *maps, groups=groups, parts=opened.parts)
    made = make_split(opened.labels, settled(spec, choice), *maps, groups=groups, parts=opened.parts)
    found = folds(made, opened.labels, 1 + run_config.further_folds, groups)
    _show_classes(opened, found)
    for text in (*_lacking(opened, found, run_config.further_folds), *_distances(opened, made)):
        say(text, console)
    if out is not None:
        from hsiauto.report.split_figure import draw_split

        draw_split(opened, found, out)
        say(str(out), console, whole=True)


def _show_rungs(
    labels: "Labels", spec: "SplitSpec", maps: "tuple[Labels | None, Labels | None]", groups: "Labels | None"
) -> None:
    """What each automatic choice keeps, of both if both were given."""
    from hsiauto.split import choose

    both = {"block_size": "auto", "buffer": "auto"}
    automatic = choose(labels, spec, *maps, groups=groups, every=True)
    found = automatic or choose(labels, spec.model_copy(update=both), *maps, groups=groups, every=True)
    assert found is not None
    held = ("buffer", "groups") if spec.protocol == "groups" else ("block size", "buffer", "blocks")
    names = (*held, "classes", "on both sides", "validated", "pool", "trained")
    columns = [*(Column(name, number=True) for name in names), Column("")]
    rows = []
    for rung in found.rungs:
        shares = (f"{100 * share:.0f} %" for share in (rung.labels, rung.training))
        kept = (f"{rung.scored:.3g}", f"{rung.validated:.3g}", *shares)
        words = "" if rung.fits else "keeps too little"
        if automatic and rung is found.chosen:
            words = f"chosen; {words}" if words else "chosen"
        elif not automatic and rung.squares == spec.squares:
            words = f"given; {words}" if words else "given"
        of_held = (*rung.squares, rung.blocks)[-len(held) :]
        rows.append((*of_held, rung.classes, *kept, words))
    print_rows(columns, rows)


def _show_classes(scene: "Scene", found: "tuple[Split, ...]") -> None:
    """Pixels of each class on each side, and groups if they are what is held out."""
    from hsiauto.split.counts import class_counts

    sides = ("labelled", "pool", *(f"fold {n}" for n in range(1, len(found) + 1)), "test")
    numbers = [Column(name, number=True) for name in sides]

    def rows(groups: "Labels | None" = None) -> list[tuple[Any, ...]]:
        counts = class_counts(scene.labels, found, groups)
        names = (scene.class_names[one.class_number - 1] for one in counts)
        return [(name, one.labelled, one.pool, *one.val, one.test) for name, one in zip(names, counts, strict=True)]

    pixels = rows()
    pixels.append(("all", *map(sum, list(zip(*pixels, strict=True))[1:])))
    print_rows([Column("class"), *numbers], pixels)
    if found[0].spec.by_groups:
        print_rows([Column("groups of class"), *numbers], rows(scene.groups))


def _lacking(scene: "Scene", found: "tuple[Split, ...]", further: int) -> list[str]:
    """What is left out, what validation lacks, and classes of a handful of pixels."""
    from hsiauto.split.seal import class_names, seal
    from hsiauto.split.validation import few_pixels, fold_warnings, validation_warnings

    sealed = [seal(scene, fold) for fold in found]
    names, (data, test) = class_names(scene, found[0]), sealed[0]
    said = [f"class {scene.class_names[k - 1]} is left out: {reason}" for k, reason in found[0].left_out]
    said += few_pixels("test", zip(names, test.pixels_by_class, strict=True))
    return [*said, *validation_warnings(data, names), *fold_warnings([one for one, _ in sealed[1:]], further)]


def _distances(scene: "Scene", split: "Split") -> list[str]:
    """How far test and map lie from training."""
    from hsiauto.leaderboard.statements import NO_PLACES
    from hsiauto.split.distance import BINS, Distances, bin_of

    if not split.spec.has_places:
        return [f"{NO_PLACES}."]
    found = Distances.of(split, scene.valid)
    if split.held_out is not None:
        return [found.statement]
    middle = int(np.quantile(found.test, 0.5, method="inverted_cdf"))
    nearest, furthest = found.test_range
    shares = (100 * np.bincount(bin_of(which), minlength=len(BINS)) / len(which) for which in (found.test, found.map))
    by_bin = [", ".join(f"{n:.0f} % {name}" for name, n in zip(BINS, share, strict=True) if n) for share in shares]
    return [
        found.statement,
        f"from test to training: {nearest}, {middle}, {furthest} pixels (least, median, most): {by_bin[0]}",
        f"from map to training: {by_bin[1]}",
    ]
