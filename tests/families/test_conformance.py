"""Every torch family of the package passes the tests that authors of families run on theirs."""

from hsiauto.families import BUILT_IN
from hsiauto.families.base import TorchConfig
from hsiauto.testing import conformance

TestFamilies = conformance(*(config for config in BUILT_IN if issubclass(config, TorchConfig)))
