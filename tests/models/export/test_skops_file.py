"""Models for EnMAP-Box, loaded in a process that knows no hsiauto, as EnMAP-Box loads them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.models.bundle import Bundle
from hsiauto.models.export.skops_file import write_skops
from tests.models.test_bundle import PROVENANCE
from tests.small_scene import CLASSICAL, fitted, small_data

KINDS = tuple(kind for kind, config in CLASSICAL.items() if config.features == "spectra")
LOADER = """
import sys
from pathlib import Path
import numpy as np
import skops.io
import enmapboxprocessing.typing as box

folder = Path(sys.argv[1])
spectra = np.load(folder / "spectra.npy")
for path in sorted(folder.glob("*.skops")):
    strange = skops.io.get_untrusted_types(file=path)
    known = ("sklearn.", "numpy.", "scipy.", "enmapboxprocessing.typing")
    assert all(name.startswith(known) for name in strange), strange
    dump = skops.io.load(path, trusted=strange)
    assert [type(one) for one in dump["categories"]] == [box.Category] * 3
    assert [(one.value, one.name, one.color) for one in dump["categories"]][2] == (6, "woods", "#ff0000")
    assert dump["features"][0] == "band 2 (400.0 Nanometers)" and dump["features"][-1].startswith("band 11 ")
    assert dump["X"] is None and dump["y"] is None
    np.save(path.with_suffix(".npy"), dump["classifier"].predict(spectra))
assert not any(name.split(".")[0] == "hsiauto" for name in sys.modules)
"""


def test_every_classical_family_answers_in_a_fresh_process_as_here(tmp_path: Path) -> None:
    data = small_data()
    box = tmp_path / "enmapboxprocessing"
    box.mkdir()
    (box / "typing.py").write_text(
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Category:\n    value: int\n    name: str\n    color: str\n"
    )
    (tmp_path / "load.py").write_text(LOADER)
    pixels = np.flatnonzero(data.valid)
    np.save(tmp_path / "spectra.npy", data.cube.reshape(-1, 10)[pixels])
    models = {kind: fitted(kind, data) for kind in KINDS}
    for kind, model in models.items():
        assert write_skops(Bundle(model, PROVENANCE), tmp_path / f"{kind}.skops")[0].endswith("10 bands")
    subprocess.run([sys.executable, "load.py", str(tmp_path)], cwd=tmp_path, check=True, timeout=120)
    for kind, model in models.items():
        expected = np.array(PROVENANCE.label_values)[model.probabilities(data.cube, data.valid, pixels).argmax(axis=1)]
        np.testing.assert_array_equal(np.load(tmp_path / f"{kind}.npy"), expected, err_msg=kind)


@pytest.mark.parametrize(
    ("kind", "why"), [("svm_multiscale", "reads neighbouring pixels"), ("cnn2d", "no model of scikit-learn.*train lda")]
)
def test_what_is_no_function_of_one_spectrum_is_refused(tmp_path: Path, kind: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        write_skops(Bundle(fitted(kind, small_data()), PROVENANCE), tmp_path / "model.skops")
    assert not list(tmp_path.iterdir())


def test_the_filter_over_space_that_is_left_out_is_told(tmp_path: Path) -> None:
    model = fitted("svm", small_data())
    config = model.config.model_copy(update={"smoothing": "guided"})
    object.__setattr__(model, "config", config)
    lines = write_skops(Bundle(model, PROVENANCE), tmp_path / "model.skops")
    assert "without its filter over space, guided" in lines[1]
