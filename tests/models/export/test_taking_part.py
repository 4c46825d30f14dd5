"""A model that does not become a graph is refused with the reason."""

import pytest
import torch
from torch import nn

from hsiauto.errors import UserError
from hsiauto.families.cssmamba import MambaHsiConfig
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.families.references import MajorityConfig
from hsiauto.models.export.program import Exported
from hsiauto.models.export.taking_part import REFERENCE, TILES, why_family_not, why_not
from hsiauto.models.fitted import EnsembleFitted, TorchFitted
from hsiauto.models.preprocess import Projection
from tests.models.export.models import DATA, bundle_of, network
from tests.small_scene import fitted


def test_tiles_are_no_function_of_a_window() -> None:
    config = MambaHsiConfig(width=8, blocks=1, tile=8)
    projection = Projection.fit(DATA.cube, DATA.train_pixels, 0, False)
    tiled = TorchFitted(config, projection, config.build(10, 3), 10, 3)
    with pytest.raises(UserError, match="mambahsi: it labels whole tiles"):
        Exported.of(bundle_of(tiled))
    member = fitted("lda", DATA)
    both = EnsembleFitted(EnsembleConfig(members=(member.config, config)), (member, tiled))
    assert why_not(both) == f"mambahsi: {TILES}"
    assert why_not(member) == ""


def test_a_reference_reads_no_spectra() -> None:
    assert why_family_not(MajorityConfig) == REFERENCE


class _Branching(nn.Module):
    """What it does depends on the values of the batch."""

    def forward(self, x_BC: torch.Tensor) -> torch.Tensor:
        return x_BC[:, :3] if x_BC.sum() > 0 else x_BC[:, 3:6]


def test_a_module_that_torch_cannot_follow_is_one_line() -> None:
    model = network("cnn1d")
    assert isinstance(model, TorchFitted)
    branching = TorchFitted(model.config, model.projection, _Branching(), model.n_bands, model.n_classes)
    with pytest.raises(UserError, match="torch must be able to follow what cnn1d does"):
        Exported.of(bundle_of(branching))
