"""Where the environments of the benchmarks are, and the golden files."""

from __future__ import annotations

import os
import pathlib

ROOT = pathlib.Path(__file__).parents[1]
GOLDEN = pathlib.Path(os.environ.get("VISBEHAVIOR_GOLDEN", ROOT.parent / "shared" / "golden"))


def with_bytecode() -> dict[str, str]:
    """Return an environment in which modules are compiled once, not in every process."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _python(environment: str) -> pathlib.Path:
    return ROOT / environment / ("Scripts" if os.name == "nt" else "bin") / "python"


ORACLE, PEERS = _python(".venv-oracle"), _python(".venv-peers")
"""AllenSDK 2.16.2 and the field's utilities; psytrack, pynapple, lazynwb and remfile."""
