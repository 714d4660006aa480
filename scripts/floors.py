"""The lowest versions that pyproject.toml allows, one ``name==version`` a line, for ``make test-lowest``."""

import pathlib
import tomllib

project = tomllib.loads(pathlib.Path(__file__).parents[1].joinpath("pyproject.toml").read_text())["project"]
for requirement in project["dependencies"]:
    print(requirement.replace(">=", "=="))
