"""From a RunConfig to what the phases work on. Whatever is wrong with the input is found here, before anything is
written."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hsiauto.config import Declared, RunConfig, declared
from hsiauto.errors import UserError
from hsiauto.families.base import SEES_UNLABELLED, FamilyConfig, hash_of
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.leaderboard.statements import NO_PLACES
from hsiauto.runs import folder as folders
from hsiauto.runs.on_disk import on_gathered
from hsiauto.runs.told import scene_line, split_lines
from hsiauto.scene import Scene, open_scene, read_label_map
from hsiauto.scene.memory import SMALLER, require, within_memory
from hsiauto.scene.on_disk import shared_bytes
from hsiauto.search.events import Event, Opened, Proposed, Ranked, Refit, of
from hsiauto.search.journal import read
from hsiauto.space import SceneSize, Space, fit_preset
from hsiauto.space.scene_size import WINDOW
from hsiauto.split import Choice, Split, SplitSpec, choose, folds, make_split, settled
from hsiauto.split.distance import Distances
from hsiauto.split.seal import TrialData, class_names, seal
from hsiauto.split.validation import few_pixels, fold_warnings, require_two_classes, validation_warnings


@dataclass(frozen=True)
class Prepared:
    """A run config with its scene, its split, and the part of it that trials may see."""

    run_config: RunConfig
    scene: Scene
    split: Split
    space: Space
    data: TrialData
    warnings: tuple[str, ...] = ()
    """Why scores on this split may say less than they seem to."""
    choice: Choice | None = None
    """Block and buffer of the split, as far as they are automatic."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results must know: about the scene, the split, the classes, the space."""
        names = self.scene.class_names
        chosen = () if self.choice is None else (str(self.choice),)
        left_out = tuple(f"class {names[k - 1]} is left out: {reason}" for k, reason in self.split.left_out)
        return (
            *self.scene.notes,
            *(() if self.split.spec.has_places else (NO_PLACES,)),
            *chosen,
            *self._never_held_out,
            *left_out,
            *(self.space.notes if self.run_config.command == "search" else ()),
        )

    @property
    def _never_held_out(self) -> tuple[str, ...]:
        held_out = self.split.held_out
        if held_out is None or self.run_config.split.test_scene is not None:
            return ()
        never = [part.name for part in self.scene.parts if part.name not in held_out.in_turn]
        listed = ", ".join(never[:10]) + (", ..." if never[10:] else "")
        what = "scenes that train and are never held out, for fewer than two of their classes stand in another one"
        return (f"{what}: {listed}",) if never else ()

    @property
    def told(self) -> tuple[str, ...]:
        """What is said of scene and split before anything is trained."""
        searches = self.run_config.command == "search"
        return (
            scene_line(self.scene, has_places=self.split.spec.has_places),
            *split_lines(self.scene, self.split, validates=searches),
            *self.notes,
            *([Distances.of(self.split, self.scene.valid).statement] if self.split.spec.has_places else []),
        )


@within_memory("a run")
def prepare(run_config: RunConfig, progress: Callable[[str, int, int | None], None] | None = None) -> Prepared:
    """Open the scene, draw the split, bind the space. Writes nothing but a download, and tells `progress` of it (file,
    bytes done, bytes in all). Raises UserError for anything that cannot be run on."""
    space = Space.load(run_config.space, run_config.families, run_config.pins)
    space = space if run_config.split.has_places else space.of_spectra()
    scene = open_scene(run_config.scene, progress)
    space = on_gathered(space, scene, run_config)
    require(shared_bytes(scene.cube), "the copy of the cube that workers share", SMALLER)
    maps = fixed_maps(run_config.split, scene)
    apart: dict[str, Any] = {"groups": scene.groups, "parts": scene.parts}
    choice = choose(scene.labels, run_config.split, *maps, **apart)
    split = make_split(scene.labels, settled(run_config.split, choice), *maps, **apart)
    data, test = seal(scene, split)
    limits = (split.buffer, run_config.unlabelled)
    bound = space.bind(scene.n_bands, len(data.train_pixels), scene.height, scene.width, data.n_classes, *limits)
    rare = few_pixels("test", zip(class_names(scene, split), test.pixels_by_class, strict=True))
    prepared = Prepared(run_config, scene, split, bound, data, tuple(rare), choice)
    return validated(prepared) if run_config.command == "search" else prepared


def validated(prepared: Prepared) -> Prepared:
    """`prepared` for a run that validates, with the warnings about that. Raises UserError if validation cannot tell
    models apart."""
    data, names = prepared.data, class_names(prepared.scene, prepared.split)
    require_two_classes(data, names, prepared.split.spec)
    said = validation_warnings(data, names)
    if prepared.run_config.command == "search":
        asked, scene = prepared.run_config.further_folds, prepared.scene
        further = folds(prepared.split, scene.labels, 1 + asked, scene.groups)[1:]
        said += fold_warnings([seal(scene, fold)[0] for fold in further], asked)
    return replace(prepared, warnings=(*prepared.warnings, *said))


def reopen(
    run_config: RunConfig, folder: Path, progress: Callable[[str, int, int | None], None] | None = None
) -> Prepared:
    """`run_config`, of the run in `folder`, on the same scene and split as before. Raises UserError if one changed."""
    events, refits = folders.read_journal(folder), folder / folders.REFITS
    _refuse_edited_configs(folder / folders.JOURNAL, events)
    scored = read(refits) if refits.exists() else []
    _refuse_edited_configs(refits, scored)
    prepared = prepare(run_config, progress)
    for opened in of(Opened, events):
        if opened.data_hash != prepared.scene.data_hash:
            raise UserError(
                "a run goes on with the data that it began with",
                f"{prepared.scene.name} with another sha256 than the journal's",
                "Restore the data, or start a new run.",
            )
        if opened.split_hash != prepared.split.hash:
            raise UserError(
                f"a run goes on with the split that it began with, {opened.split_hash}",
                f"{prepared.split.hash}: the labels, the settings or the splitter have changed",
                "Restore them, or start a new run.",
            )
        _refuse_other_settings(prepared.run_config, opened.config)
    own = (prepared.split.spec.seed, prepared.split.hash)
    for number, event in enumerate(scored, start=1):
        if isinstance(event, Refit) and event.split_hash and event.split_seed == own[0] and event.split_hash != own[1]:
            rule = f"{refits} holds scores on the run's split, {own[1]}"
            raise UserError(rule, f"line {number}: {event.split_hash}", "It is another run's: restore the run's own.")
    return prepared


def _refuse_edited_configs(path: Path, events: Sequence[Event]) -> None:
    """Raise UserError for a config that is not what its hash says."""
    for number, event in enumerate(events, start=1):
        held = [event] if isinstance(event, Proposed | Refit) else event.order if isinstance(event, Ranked) else ()
        for one in held:
            if hash_of(one.config) != one.config_hash:
                received = f"line {number}: {one.family}, whose `config` is not of hash {one.config_hash}"
                raise UserError(f"{path} holds configs as they were trained", received, "It was edited: restore it.")


def _refuse_other_settings(run_config: RunConfig, began: Mapping[str, Any]) -> None:
    """Raise UserError for a setting that differs from the journal's first event and that a resume may not change."""
    now = run_config.model_dump(mode="json")
    for one in sorted(declared(run_config.command).values(), key=lambda one: (one.part, one.field)):
        was, found = _value(began, one), _value(now, one)
        if was != found and not one.setting.on_resume:
            raise UserError(
                f"a run goes on with the `{one.field}` that it began with, {was}",
                found,
                f"Restore {folders.CONFIG}, or start a new run.",
            )


def _value(config: Mapping[str, Any], one: Declared) -> Any:
    """The value of a setting in a RunConfig as JSON has it; None if the part that declares it is absent."""
    part = config.get(one.part) if one.part else config
    return part.get(one.field) if isinstance(part, Mapping) else None


def feedable(
    prepared: Prepared, config: FamilyConfig, explicit: Collection[str] | None
) -> tuple[FamilyConfig, tuple[str, ...]]:
    """The nearest config to `config` that the scene can feed and the buffer allows, and what that changed.

    Raises UserError if it would change a hyperparameter in `explicit` (None: any); but a window that was asked for, and
    reaches over a buffer that was asked for too, stays: `with_window_warning` tells of it.
    """
    scene, notes = prepared.scene, tuple[str, ...]()
    if not prepared.split.spec.has_places and any(part.input == "tile" for part in config.parts):
        raise UserError("a spectrum without a place has no neighbours", config.family, "Take a family of one pixel.")
    size = SceneSize.of(scene, prepared.split, len(prepared.split.pool), prepared.run_config.unlabelled)
    if isinstance(config, EnsembleConfig):
        config, notes = _members_fed(prepared, config, explicit)
        if any(size.reaches_over(member) for member in config.parts):  # asked for, as the buffer was
            return config, notes
    if size.fits(config):
        return config, notes
    asked = config.active()
    changed = _changed(config, size)
    refused = [name for name in changed if explicit is None or name in explicit]
    if prepared.run_config.split.buffer != "auto" and any(name in WINDOW for name in refused):
        size = replace(size, buffer=None)
        changed = _changed(config, size)
        refused = [name for name in refused if name in changed]
    for name in refused:
        over = size.reaches_over(config) and name in WINDOW
        bound = "is" if name in SEES_UNLABELLED else "is at most"
        raise UserError(
            f"{name} of {config.family} on {scene.name} {bound} {changed[name]}: {size.why_changed(name)}",
            asked[name],
            f"Set {name}={changed[name]}" + (f", or `buffer` to {config.support} or more." if over else "."),
        )
    notes += tuple(
        f"{name} of {config.family} is {value} instead of the preset's {asked[name]}: {size.why_changed(name)}"
        for name, value in changed.items()
    )
    return fit_preset(config, size), notes


def _members_fed(
    prepared: Prepared, config: EnsembleConfig, explicit: Collection[str] | None
) -> tuple[EnsembleConfig, tuple[str, ...]]:
    """`feedable` of each member, which is asked for if `members` is."""
    of_members = None if explicit is None or "members" in explicit else ()
    fed = [feedable(prepared, member, of_members) for member in config.members]
    notes = dict.fromkeys(note for _, of_member in fed for note in of_member)
    return config.with_members(tuple(member for member, _ in fed)), tuple(notes)


def with_window_warning(prepared: Prepared, config: FamilyConfig) -> Prepared:
    """`prepared` for a run of `config` alone, with what must be said if its windows reach over the buffer."""
    if not SceneSize.of(prepared.scene, prepared.split, len(prepared.split.pool)).reaches_over(config):
        return prepared
    text = (
        f"windows of {config.family} read {config.support} pixels away, beyond the buffer of {prepared.split.buffer}: "
        f"around test pixels they may hold training pixels, which flatters the scores (`buffer` {config.support})"
    )
    return replace(prepared, warnings=(*prepared.warnings, text))


def _changed(config: FamilyConfig, size: SceneSize) -> dict[str, Any]:
    """What `size` changes of `config`."""
    asked = config.active()
    return {name: value for name, value in size.nearest(config).items() if value != asked.get(name)}


def fixed_maps(spec: SplitSpec, scene: Scene) -> tuple[npt.NDArray[np.int64] | None, npt.NDArray[np.int64] | None]:
    """The two label maps of the `fixed` protocol; (None, None) for the others."""
    if spec.protocol != "fixed":
        if spec.train_map or spec.test_map:
            raise UserError("`train_map` and `test_map` belong to protocol fixed", spec.protocol, "Leave them out.")
        return None, None
    if spec.train_map is None or spec.test_map is None:
        raise UserError("protocol fixed needs two label maps", "one or none", "Set `train_map` and `test_map`.")
    return read_label_map(spec.train_map, like=scene), read_label_map(spec.test_map, like=scene)
