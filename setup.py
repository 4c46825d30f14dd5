"""The one thing that pyproject.toml cannot say: every package found, plus one that lies outside its parent."""

from setuptools import find_packages, setup

setup(
    # search_spaces/ lies at the top, where users look for it, and is installed as hsiauto.search_spaces.
    packages=[*find_packages(include=["hsiauto", "hsiauto.*"]), "hsiauto.search_spaces"],
    package_dir={"hsiauto.search_spaces": "search_spaces"},
)
