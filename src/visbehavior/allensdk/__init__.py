"""visbehavior's classes under AllenSDK's names, so that notebooks written for AllenSDK run without it."""

from visbehavior.allensdk.install import install_as_allensdk

__all__ = ["install_as_allensdk"]
