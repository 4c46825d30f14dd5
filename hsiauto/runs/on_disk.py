"""What a search on a cube that stays on disk does without."""

from hsiauto.config import RunConfig
from hsiauto.errors import UserError
from hsiauto.scene import Scene
from hsiauto.scene.on_disk import stays_on_disk
from hsiauto.space import Space


def on_gathered(space: Space, scene: Scene, run_config: RunConfig) -> Space:
    """`space` for a scene of which only the surroundings of labelled pixels are read; as it is for one in memory.

    Raises UserError if unlabelled ground is to be seen, and if no family is left.
    """
    if run_config.command != "search" or not stays_on_disk(scene.cube):
        return space
    if run_config.unlabelled != "none":
        rule = "spectra of unlabelled ground are seen in a cube that memory holds four times"
        raise UserError(rule, f"{scene.cube.nbytes / 1e9:,.1f} GB", "Set `unlabelled` to none: labelled ground alone.")
    return space.of_windows()
