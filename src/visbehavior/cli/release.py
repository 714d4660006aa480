"""``visbehavior release build``, ``check`` and ``serve``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from visbehavior.cli.cache_options import BUCKETS, OPHYS
from visbehavior.cli.common import PATH, jobs_option, output_dir_option, print_message, report_errors
from visbehavior.settings import BUCKET


@click.group()
def release() -> None:
    """Build, check and serve a release of your own.

    A release is a bucket with NWB files, project tables and manifests, like the public bucket.

    \b
    Examples:
      visbehavior release build rig/*.pkl.gz -o bucket
      visbehavior release check bucket
      visbehavior release serve bucket
    """


@release.command()
@click.argument("sessions", metavar="FILE...", nargs=-1, required=True)
@output_dir_option("Folder of the bucket, new or with earlier releases.")
@click.option(
    "--data-version",
    metavar="VERSION",
    help="Version of the release, for example 1.2.0.  [default: the next version]",
)
@click.option("--bucket", metavar="NAME", help="Bucket name in the manifest.  [default: the project's public bucket]")
@click.option(
    "--project",
    type=click.Choice(list(BUCKETS)),
    default=OPHYS,
    show_default=True,
    help="Layout of the release. With neuropixels, EPHYS sessions become recordings.",
)
@jobs_option
@report_errors
def build(
    sessions: tuple[str, ...],
    output_dir: Path,
    data_version: str | None,
    bucket: str | None,
    project: str,
    jobs: int,
) -> None:
    """Build a release from session files.

    FILE is an NWB file, a stimulus pickle, or a .json file with metadata of a session. Give the files of all sessions
    in the release.

    Writes the NWB files, the project tables and a manifest, and prints the path of the manifest. Earlier releases in
    the folder are not changed. If a session cannot be released, nothing is published; the files that were written are
    kept.

    \b
    Examples:
      visbehavior release build rig/*.pkl.gz nwb/*.nwb -o bucket --jobs 4
      visbehavior sessions --bucket ./bucket
    """
    from visbehavior.publish.build import build_release

    paths = list(dict.fromkeys(sessions))
    manifest = build_release(
        paths, output_dir, version=data_version, bucket=bucket, jobs=jobs, progress=True, project=project
    )
    click.echo(manifest)


@release.command()
@click.argument("folder", type=PATH)
@report_errors
def check(folder: Path) -> None:
    """Check the files and tables of the newest release.

    Verifies the checksum of each file, opens it and compares it with the project table. Prints one line per problem;
    the exit status is 1 if there are any.

    \b
    Example:
      visbehavior release check bucket
    """
    from visbehavior.publish.check import check_release

    problems = check_release(folder, progress=True)
    for problem in problems:
        click.echo(problem)
    print_message(f"Problems found: {len(problems)}." if problems else "No problems found.")
    if problems:
        sys.exit(1)


@release.command()
@click.argument("folder", type=PATH)
@click.option("--bucket", metavar="NAME", default=BUCKET, show_default=True, help="Bucket name.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), default=0, help="TCP port.  [default: a free port]")
@report_errors
def serve(folder: Path, bucket: str, port: int) -> None:
    """Serve a folder as an S3 bucket on this computer.

    Prints the endpoint and runs until Ctrl-C.

    \b
    Examples:
      visbehavior release serve bucket --port 9000
      visbehavior sessions --endpoint http://127.0.0.1:9000
    """
    from visbehavior.publish.serve import serve_bucket

    with serve_bucket(folder, bucket=bucket, port=port) as endpoint:
        click.echo(endpoint)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print_message("Stopped.")
