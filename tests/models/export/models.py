"""A small model of every family that becomes a graph, and the scene that it is asked about."""

from functools import cache

import torch

from hsiauto.families import BUILT_IN
from hsiauto.families.base import TorchConfig
from hsiauto.models.bundle import Bundle
from hsiauto.models.export.taking_part import why_family_not
from hsiauto.models.fitted import TorchFitted
from hsiauto.models.fitted.base import Fitted
from hsiauto.models.preprocess import Projection
from hsiauto.testing.small import CLASSES, with_values
from hsiauto.testing.small import small as small_config
from tests.models.test_bundle import PROVENANCE
from tests.small_scene import small_data

TORCH = {
    family.model_fields["family"].default: family
    for family in BUILT_IN
    if issubclass(family, TorchConfig) and not why_family_not(family)
}
"""Name -> config class."""
_CHEAP = {"claresnet": {"components": 2, "scales": 1, "depth": 1, "residual_blocks": 1}}
"""A recurrence becomes a step for each component."""
DATA = small_data()


@cache
def network(family: str, **fields: object) -> Fitted:
    """With random weights, large enough for its input to decide."""
    n_bands = DATA.cube.shape[2]
    config = with_values(small_config(TORCH[family], n_bands), **{**_CHEAP.get(family, {}), **fields})
    projection = Projection.fit(DATA.cube, DATA.train_pixels, config.components, True)
    torch.manual_seed(0)
    module = config.build(projection.n_channels, CLASSES)
    for weights in module.parameters():
        if weights.ndim > 1:
            torch.nn.init.kaiming_normal_(weights)
    return TorchFitted(config, projection, module, n_bands, CLASSES)


def bundle_of(fitted: Fitted) -> Bundle:
    return Bundle(fitted, PROVENANCE)
