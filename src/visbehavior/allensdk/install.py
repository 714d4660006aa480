"""Make ``import allensdk`` return visbehavior's classes: modules, import hook and version metadata."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from email.message import Message
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from visbehavior.allensdk.modules import ALLENSDK_VERSIONS, PACKAGE, advise, module_contents
from visbehavior.errors import AllenSDKImported, warn
from visbehavior.schema.convention import parse_convention
from visbehavior.settings import DEFAULT_ALLENSDK_VERSION

_FIRST_PANDAS_WITH_COPIES = 3
"""Major version of pandas whose ``df[column]`` is a copy."""


def install_as_allensdk(version: str | None = None) -> None:
    """Make ``import allensdk`` return visbehavior's classes in this process.

    Imports of AllenSDK's behavior session, imaging plane and project cache then return our classes, with the column names and types
    of that version. ``allensdk.__version__``, ``importlib.metadata`` and ``pkg_resources`` report its version number.
    Sessions from the cache are downloaded as complete files, with progress bars, as in AllenSDK. Those of Visual Behavior
    Neuropixels are streamed instead, because their files have up to 3 GB.

    AllenSDK need not be installed. An installed AllenSDK is not changed, but cannot be imported in this process.

    Parameters
    ----------
    version : str or None
        AllenSDK version to replace: "2.16" (2023 and later) or "2.10" (the published notebook of 2021). Further digits
        are ignored. None: "2.16", with a line on stderr that says so.

    Warns
    -----
    VisBehaviorWarning
        With pandas 3, under which some notebooks written for AllenSDK silently do something else.

    Raises
    ------
    AllenSDKImported
        If AllenSDK itself was imported before.
    UnknownVersion
        If the version is not supported.

    Examples
    --------
    >>> import visbehavior
    >>> visbehavior.install_as_allensdk("2.10")
    >>> import allensdk.brain_observatory.behavior.behavior_project_cache as bpc
    """
    convention = parse_convention(DEFAULT_ALLENSDK_VERSION if version is None else version)
    _check_not_imported()
    _add_modules(module_contents(convention))
    number = ALLENSDK_VERSIONS[convention]
    sys.meta_path[:] = [_Finder(number), *(finder for finder in sys.meta_path if not isinstance(finder, _Finder))]
    _add_to_pkg_resources(number)
    if version is None:
        other = next(known for known in ALLENSDK_VERSIONS if known != convention)
        sys.stderr.write(
            f"visbehavior: tables have the column names of AllenSDK {convention}; for those of {other} (2021) call "
            f'install_as_allensdk("{other}").\n'
        )
    _warn_about_pandas()


def _warn_about_pandas() -> None:
    number = importlib.metadata.version("pandas")
    if int(number.partition(".")[0]) >= _FIRST_PANDAS_WITH_COPIES:
        warn(
            f"pandas {number} is installed. Notebooks written for AllenSDK expect pandas 2: under pandas 3 some of their lines raise, and "
            "others, such as df[column].replace(..., inplace=True), silently change nothing. To run them, install "
            '"visbehavior[allensdk]" or "pandas<3".'
        )


class _ReplacementModule(ModuleType):
    """A module that visbehavior provides under another package's name."""

    def __init__(self, name: str, contents: dict[str, Any]) -> None:
        super().__init__(name, "Replacement module provided by visbehavior.install_as_allensdk.")
        self.__path__: list[str] = []
        self.__spec__ = ModuleSpec(name, None, is_package=True)
        self.__dict__.update(contents)

    def __getattr__(self, name: str) -> Any:
        full_name = f"{self.__name__}.{name}"
        advice = (
            "" if name.startswith("_") else f": visbehavior replaces AllenSDK in this process; {advise(full_name)}."
        )
        raise AttributeError(f"No module or name {full_name!r}{advice}", name=name, obj=self)


class _Distribution(importlib.metadata.Distribution):
    """Metadata of an installed AllenSDK: its name and version."""

    def __init__(self, number: str) -> None:
        self._number = number

    @property
    def metadata(self) -> Any:
        message = Message()
        message["Metadata-Version"], message["Name"], message["Version"] = "2.1", PACKAGE, self._number
        return message

    def read_text(self, filename: str) -> str | None:
        return str(self.metadata) if filename == "METADATA" else None

    def locate_file(self, path: str | os.PathLike[str]) -> Any:
        return Path(__file__).parent / path


class _Finder:
    """Import hook that reports AllenSDK's version and explains which of its modules are missing."""

    def __init__(self, number: str) -> None:
        self._number = number

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Raise for modules of AllenSDK: the modules that we provide are in `sys.modules` and never searched for."""
        if fullname.startswith(f"{PACKAGE}."):
            raise ModuleNotFoundError(
                f"No module or name {fullname!r}: visbehavior replaces AllenSDK {self._number} in this process; {advise(fullname)}.",
                # With its own name, `from module import name` would discard the message.
                name=PACKAGE,
            )

    def find_distributions(self, context: Any) -> Iterator[_Distribution]:
        """Yield AllenSDK's metadata if the search is for AllenSDK by name."""
        if context.name is not None and context.name.lower() == PACKAGE:
            yield _Distribution(self._number)


def _check_not_imported() -> None:
    module = sys.modules.get(PACKAGE)
    if module is not None and not isinstance(module, _ReplacementModule):
        raise AllenSDKImported(
            f"AllenSDK itself is already imported ({getattr(module, '__file__', None)}). Restart the kernel and call "
            "install_as_allensdk() before anything imports allensdk."
        )


def _add_modules(contents: dict[str, dict[str, Any]]) -> None:
    for name, names in contents.items():
        sys.modules[name] = _ReplacementModule(name, names)
    for name in contents:
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])


def _add_to_pkg_resources(number: str) -> None:
    """Register the version with pkg_resources, or replace it where setuptools no longer includes it."""
    module = sys.modules.get("pkg_resources")
    is_absent = module is None and importlib.util.find_spec("pkg_resources") is None
    if is_absent or isinstance(module, _ReplacementModule):
        contents = {"get_distribution": importlib.metadata.distribution}
        sys.modules["pkg_resources"] = _ReplacementModule("pkg_resources", contents)
        return
    with warnings.catch_warnings():
        # pkg_resources warns on import that it is deprecated.
        warnings.simplefilter("ignore")
        pkg_resources = importlib.import_module("pkg_resources")
        distribution = pkg_resources.Distribution(project_name=PACKAGE, version=number, location=__file__)
        pkg_resources.working_set.add(distribution, replace=True)
