"""Imports, version metadata and errors after install_as_allensdk.

Each test runs in a child process, because the installation lasts until the process ends.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

PANDAS_3 = "ignore:pandas 3:UserWarning"


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", PANDAS_3, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("version", "number"), [("2.16", "2.16.2"), ("2.10.2", "2.10.2"), ("2.16.2", "2.16.2")])
def test_version_is_reported_everywhere(version: str, number: str) -> None:
    output = run(
        f"import visbehavior; visbehavior.install_as_allensdk({version!r})\n"
        "import allensdk, importlib.metadata as m, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "import pkg_resources\n"
        "print(allensdk.__version__, m.version('allensdk'), m.metadata('allensdk')['Name'], pkg_resources.get_distribution('allensdk').version)\n"
        "print(m.version('numpy') != m.version('allensdk'))\n"
    )
    assert output == f"{number} {number} allensdk {number}\nTrue\n"


def test_pkg_resources_is_replaced_where_setuptools_lacks_it() -> None:
    code = (
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'pkg_resources' else find(name, *a)\n"
        "import visbehavior; visbehavior.install_as_allensdk('2.10'); visbehavior.install_as_allensdk('2.16')\n"
        "import pkg_resources\n"
        "print(pkg_resources.get_distribution('allensdk').version, pkg_resources.__doc__)\n"
    )
    assert run(code).startswith("2.16.2 Replacement module provided by visbehavior")


def test_last_installed_version_is_used() -> None:
    output = run(
        "import visbehavior as v\nv.install_as_allensdk('2.10'); v.install_as_allensdk('2.16')\n"
        "import allensdk.brain_observatory.behavior.behavior_session as b\n"
        "from allensdk.brain_observatory.behavior.behavior_project_cache.utils import BehaviorCloudCacheVersionException as E\n"
        "from allensdk.brain_observatory.behavior.behavior_project_cache.behavior_project_cache import VisualBehaviorOphysProjectCache as C\n"
        "print(issubclass(b.BehaviorSession, v.BehaviorSession), b.BehaviorSession.__module__, issubclass(E, Exception), C.__name__)\n"
    )
    assert output == "True allensdk.brain_observatory.behavior.behavior_session True VisualBehaviorOphysProjectCache\n"


def test_imported_allensdk_is_not_replaced(tmp_path: pathlib.Path) -> None:
    (tmp_path / "allensdk").mkdir()
    (tmp_path / "allensdk" / "__init__.py").write_text("__version__ = '2.99'")
    output = run(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import allensdk, visbehavior\n"
        "try:\n    visbehavior.install_as_allensdk()\n"
        "except visbehavior.AllenSDKImported as error:\n    print(isinstance(error, ImportError), error)\n"
        "print(sys.modules['allensdk'].__version__)\n"
    )
    assert output.startswith(f"True AllenSDK itself is already imported ({tmp_path / 'allensdk'}")
    assert output.endswith(
        "Restart the kernel and call install_as_allensdk() before anything imports allensdk.\n2.99\n"
    )


def test_missing_module_raises_module_not_found() -> None:
    output = run(
        "import visbehavior; visbehavior.install_as_allensdk()\n"
        "try:\n    import allensdk.core.mouse_connectivity_cache\n"
        "except ModuleNotFoundError as error:\n    print(error.name, error)\n"
    )
    assert output.startswith("allensdk No module or name 'allensdk.core': visbehavior replaces AllenSDK 2.16.2")


def test_missing_attribute_says_what_to_use() -> None:
    output = run(
        "import visbehavior; visbehavior.install_as_allensdk('2.16')\n"
        "import allensdk.brain_observatory.behavior as behavior\n"
        "try:\n    behavior.write_nwb\n"
        "except AttributeError as error:\n    print(error)\n"
    )
    assert output.endswith("visbehavior replaces AllenSDK in this process; use visbehavior.write_nwb.\n")


def test_convention_is_stated_unless_it_was_chosen() -> None:
    code = "import visbehavior; visbehavior.install_as_allensdk({})"
    outputs = [
        subprocess.run([sys.executable, "-c", code.format(version)], capture_output=True, text=True, check=True).stderr
        for version in ("", "'2.10'")
    ]
    stated = "visbehavior: tables have the column names of AllenSDK 2.16; for those of 2.10 (2021) call"
    assert [output.startswith(stated) for output in outputs] == [True, False]
    assert outputs[0].splitlines()[0].endswith('install_as_allensdk("2.10").')


@pytest.mark.parametrize(("number", "warns"), [("2.3.3", False), ("3.0.1", True)])
def test_pandas_3_warns(number: str, warns: bool) -> None:
    output = run(
        "import importlib.metadata as m, warnings, visbehavior\n"
        f"known = m.version; m.version = lambda name: {number!r} if name == 'pandas' else known(name)\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    visbehavior.install_as_allensdk('2.16')\n"
        "print([str(warning.message) for warning in caught])\n"
    )
    assert ("pandas 3.0.1 is installed" in output) == warns


def test_unknown_version_installs_nothing() -> None:
    output = run(
        "import sys, visbehavior\n"
        "try:\n    visbehavior.install_as_allensdk('1.7')\n"
        "except visbehavior.UnknownVersion as error:\n    print(error)\n"
        "print('allensdk' in sys.modules)\n"
    )
    assert output.endswith("False\n")
    assert "2.10" in output
