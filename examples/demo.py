"""``make demo``: makes three short sessions of a made-up mouse and runs the commands of this package on them.

Usage: ``python examples/demo.py COMMAND``, COMMAND being the installed ``visbehavior``.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys

from make_sessions import make_sessions

FOLDER = pathlib.Path("demo")
BUCKET = "https://visual-behavior-ophys-data.s3-us-west-2.amazonaws.com/visual-behavior-ophys"
LAST_WORDS = """
Look at demo/stretch.png and demo/mouse.png. To go on in Python, start {python} and type

    import visbehavior
    session = visbehavior.BehaviorSession.from_nwb_path("demo/behavior_session_990900003.nwb")
    session.trials.head()
    session.get_performance_metrics()

The same with real data: download a session of the release (196 MB)

    {bucket}/behavior_sessions/behavior_session_891635659.nwb

and type

    {command} show behavior_session_891635659.nwb
    {command} performance behavior_session_891635659.nwb
    {command} plot behavior_session_891635659.nwb --start 290 --stop 330
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
    print(LAST_WORDS.format(python=python, command=command, bucket=BUCKET), end="")


if __name__ == "__main__":
    main()
