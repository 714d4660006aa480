"""Locations of the data: an S3 bucket, a plain HTTP mirror, or a folder."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from visbehavior.errors import BadValue, brief_repr
from visbehavior.settings import s3_endpoint

# obstore panics on other characters, and its panic is not an Exception.
_HOST = re.compile(r"[\w.:-]+")
_ENDPOINT = re.compile(r"[!-;=?-_a-~]+")
_BUCKET = re.compile(r"[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class Bucket:
    """An S3 bucket.

    Parameters
    ----------
    name : str
    endpoint : str or None
        URL of an S3 server other than Amazon's; None: the one that the environment names, else Amazon's.
    """

    name: str
    endpoint: str | None = None

    @property
    def server(self) -> str | None:
        """URL of the S3 server, the environment considered; None for Amazon's."""
        return self.endpoint or s3_endpoint()

    def __str__(self) -> str:
        return f"{self.server}/{self.name}" if self.server else f"s3://{self.name}"


@dataclass(frozen=True)
class Mirror:
    """A web server that serves the files of the bucket.

    Parameters
    ----------
    url : str
    """

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class Folder:
    """A folder with the files of the bucket.

    Parameters
    ----------
    path : str
    """

    path: str

    def __str__(self) -> str:
        return self.path


Location: TypeAlias = Bucket | Mirror | Folder


def parse_location(text: str, endpoint: str | None = None) -> Location:
    """Return the location that a user named.

    Parameters
    ----------
    text : str
        Bucket name, ``s3://bucket``, ``https://mirror/folder``, ``file:///folder``, or the path of a folder (with a slash).
    endpoint : str or None
        URL of an S3 server other than Amazon's.

    Raises
    ------
    BadValue
        If the text or the endpoint is none of these.
    """
    location = _parse(text) if isinstance(text, str) else None
    if location is None:
        raise BadValue(
            f"The bucket is {brief_repr(text)}; expected a bucket name, s3://bucket, the https:// URL of a mirror, or the path of a folder.",
            location=text,
        )
    if endpoint is None:
        return location
    check_endpoint(endpoint)
    return Bucket(location.name, endpoint) if isinstance(location, Bucket) else location


def check_endpoint(endpoint: Any) -> None:
    """Raise BadValue if an endpoint is not the URL of a server."""
    if not isinstance(endpoint, str) or not (_ENDPOINT.fullmatch(endpoint) and _is_url(endpoint)):
        raise BadValue(
            f"The endpoint is {brief_repr(endpoint)}; expected a URL such as https://s3.example.org, as endpoint= or in AWS_ENDPOINT_URL.",
            endpoint=endpoint,
        )


def _parse(text: str) -> Location | None:
    if text.startswith("file://"):
        from urllib.request import url2pathname

        return Folder(url2pathname(text.removeprefix("file://")))
    if "://" not in text and ("/" in text or os.sep in text):
        return Folder(text)
    if _is_url(text):
        return Mirror(text.rstrip("/"))
    name = text.removeprefix("s3://").rstrip("/")
    return Bucket(name) if _BUCKET.fullmatch(name) else None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and parts.port != 0 and bool(_HOST.fullmatch(parts.hostname or ""))
    except ValueError:
        return False
