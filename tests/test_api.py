"""The public names exist, and importing the package alone stays light."""

import subprocess
import sys

import pytest

import hsiauto


def test_every_public_name_has_a_home() -> None:
    for name in hsiauto.__all__:
        assert getattr(hsiauto, name) is not None
    assert set(hsiauto.__all__) == set(hsiauto._HOMES)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="wonders"):
        _ = hsiauto.wonders


def test_importing_the_package_imports_no_torch() -> None:
    code = "import sys, hsiauto; print(sorted({'torch', 'ray', 'sklearn'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
