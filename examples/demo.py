"""``make demo``: makes three short sessions of a made-up mouse and runs the commands of this package on them.

Usage: ``python examples/demo.py COMMAND``, COMMAND being the installed ``visbehavior``.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys

from make_sessions import make_sessions

FOLDER = pathlib.Path("demo")
LAST_WORDS = """
Look at demo/stretch.png and demo/mouse.png. To go on in Python, start {python} and type

    import visbehavior
    session = visbehavior.BehaviorSession.from_nwb_path("demo/behavior_session_990900003.nwb")
    session.trials.head()
    session.get_performance_metrics()

The same with real data, of which only what is needed comes over the network (27 MB of 9 GB):

    {command} sessions --mouse 445002
    {command} performance --mouse 445002
    {command} plot-performance --mouse 445002
    {command} plot 845572044 --start 775 --stop 800
"""


def main() -> None:
    command = sys.argv[1]
    print("Three sessions of a mouse that does not exist:")
    files = [str(path) for path in make_sessions(FOLDER)]
    steps = (
        ("show", files[-1]),
        ("performance", *files),
        ("plot", files[-1], "--start", "300", "--stop", "330", "-o", str(FOLDER / "stretch.png")),
        ("plot-performance", *files, "-o", str(FOLDER / "mouse.png")),
    )
    for step in steps:
        print(f"\n$ visbehavior {' '.join(step)}", flush=True)
        subprocess.run([command, *step], check=True)
    python = pathlib.Path(command).with_name("python")
    print(LAST_WORDS.format(python=python, command=command), end="")


if __name__ == "__main__":
    main()
