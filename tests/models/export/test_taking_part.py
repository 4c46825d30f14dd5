"""A model that does not become a graph is refused with the reason."""

import pytest

from hsiauto.errors import UserError
from hsiauto.families.cssmamba import MambaHsiConfig
from hsiauto.families.ensemble import EnsembleConfig
from hsiauto.families.references import MajorityConfig
from hsiauto.models.export.program import Exported
from hsiauto.models.export.taking_part import REFERENCE, TILES, why_family_not, why_not
from hsiauto.models.fitted import EnsembleFitted, TorchFitted
from hsiauto.models.preprocess import Projection
from tests.models.export.models import DATA, bundle_of
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
