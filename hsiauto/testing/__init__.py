"""Tests that every torch family must pass, for pytest; in a file of your own: `TestMine = conformance(MyConfig)`."""

import pytest

pytest.register_assert_rewrite("hsiauto.testing.conformance", "hsiauto.testing.every_hyperparameter")

from hsiauto.testing.conformance import conformance  # noqa: E402 (what it asserts is to be shown)

__all__ = ["conformance"]
