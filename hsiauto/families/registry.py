"""Registry: the families by name, those of the package and those of installed packages."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import metadata

from hsiauto.errors import UserError
from hsiauto.families.base import FamilyConfig

GROUP = "hsiauto.families"
"""Entry points of a package that brings families: `name = "module:Config"`, `name` being that of the family."""


def outside_packages() -> list[str]:
    """Names of the installed packages that bring families; none of them is imported."""
    return sorted({_package(point) for point in metadata.entry_points(group=GROUP)})


class Registry(Mapping[str, type[FamilyConfig]]):
    """Name -> config class: the built-in families in their order, then those from outside by name.

    Outside families are imported when the registry is first read, not with this module: their own modules import it.
    """

    def __init__(self, built_in: tuple[type[FamilyConfig], ...]) -> None:
        self.built_in: Mapping[str, type[FamilyConfig]] = {_name(config): config for config in built_in}

    @cached_property
    def outside(self) -> Mapping[str, type[FamilyConfig]]:
        """The families of other packages. Raises UserError, which names the package, for one that cannot be used."""
        found: dict[str, type[FamilyConfig]] = {}
        for point in sorted(metadata.entry_points(group=GROUP), key=lambda point: point.name):
            if point.name in self.built_in or point.name in found:
                raise _refused(point, "must have a name that no other family has", repr(point.name))
            found[point.name] = _loaded(point)
        return found

    def __getitem__(self, name: str) -> type[FamilyConfig]:
        return self.built_in.get(name) or self.outside[name]

    def __iter__(self) -> Iterator[str]:
        yield from self.built_in
        yield from self.outside

    def __len__(self) -> int:
        return len(self.built_in) + len(self.outside)


def _loaded(point: metadata.EntryPoint) -> type[FamilyConfig]:
    try:
        config = point.load()
    except Exception as error:
        raise _refused(point, f"must be importable as {point.value}", f"{type(error).__name__}: {error}") from error
    if not (isinstance(config, type) and issubclass(config, FamilyConfig)):
        raise _refused(point, "must be a subclass of FamilyConfig", repr(config))
    if getattr(config, "kind", None) not in ("torch", "classical"):
        raise _refused(point, "must be of kind torch or classical", repr(getattr(config, "kind", None)))
    if _name(config) != point.name:
        raise _refused(point, "must have its entry point's name as the default of `family`", repr(_name(config)))
    try:
        config.preset("paper")
    except Exception as error:
        raise _refused(point, "must have a valid preset `paper`", f"{type(error).__name__}: {error}") from error
    return config


def _name(config: type[FamilyConfig]) -> str:
    return str(config.model_fields["family"].default)


def _package(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module.partition(".")[0]


def _refused(point: metadata.EntryPoint, rule: str, received: str) -> UserError:
    package = _package(point)
    return UserError(
        f"family {point.name} of the package {package} {rule}", received, f"Correct {package}, or uninstall it."
    )
