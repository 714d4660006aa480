"""Draw docs/images/layers.svg, the layers of the package, from the import contract in pyproject.toml.

Usage: ``python scripts/layers_figure.py > docs/images/layers.svg``. A test fails when the figure is stale.
"""

from __future__ import annotations

import pathlib
import tomllib

ROOT = pathlib.Path(__file__).parents[1]
WIDTH, HEIGHT, GAP, MARGIN = 860, 34, 10, 12
STYLE = (
    "text{font:14px sans-serif;fill:#1b1b1b;text-anchor:middle}"
    "rect{fill:#e8eef6;stroke:#4a6fa5}"
    "@media(prefers-color-scheme:dark){text{fill:#eee}rect{fill:#22324a;stroke:#7f9fce}}"
)


def layers() -> list[list[str]]:
    """Return the layers of the package, the highest first, without its name."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    contract = next(contract for contract in contracts if contract["type"] == "layers")
    return [[name.strip().partition(".")[2] for name in layer.split("|")] for layer in contract["layers"]]


def figure() -> str:
    """Return the figure: one row per layer; a module may import from the rows below it."""
    rows = "".join(_row(number, names) for number, names in enumerate(layers()))
    height = 2 * MARGIN + len(layers()) * (HEIGHT + GAP) - GAP
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{STYLE}</style>\n{rows}</svg>\n'


def _row(number: int, names: list[str]) -> str:
    top = MARGIN + number * (HEIGHT + GAP)
    width = (WIDTH - 2 * MARGIN - GAP * (len(names) - 1)) / len(names)
    boxes = ""
    for position, name in enumerate(names):
        left = MARGIN + position * (width + GAP)
        boxes += f'<rect x="{left:.0f}" y="{top}" width="{width:.0f}" height="{HEIGHT}" rx="5"/>'
        boxes += f'<text x="{left + width / 2:.0f}" y="{top + 22}">{name}</text>\n'
    return boxes


if __name__ == "__main__":
    print(figure(), end="")
