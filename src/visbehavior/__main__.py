"""``python -m visbehavior``."""

from visbehavior.cli.main import main

if __name__ == "__main__":
    main(prog_name="visbehavior")
