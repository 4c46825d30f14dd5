"""HDF5 whose names no text can hold."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from hsiauto.errors import UserError
from hsiauto.scene import readers


@pytest.mark.parametrize("suffix", [".mat", ".h5"])
def test_a_name_of_no_encoding_is_one_line(tmp_path: Path, suffix: str) -> None:
    with h5py.File(tmp_path / f"cube{suffix}", "w") as file:
        file.create_dataset(b"\xff\xfe", data=np.zeros((4, 5, 6)))
    with pytest.raises(UserError):
        readers.read(tmp_path / f"cube{suffix}", "cube")
