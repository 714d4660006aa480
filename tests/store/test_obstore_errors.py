"""Exceptions and messages for each failure of a server, from real requests and from obstore's exceptions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from obstore import exceptions

from tests.faultserver import FOREVER, Fault, FaultServer
from tests.store.objects import retry_without_delay
from tests.store.sources import (
    KEY,
    PART,
    REQUESTS,
    SIZE,
    START,
    STOP,
    answer,
    answering_server,
    assert_message,
    faults_of,
    read,
    read_stream,
    s3_and_mirror,
)
from visbehavior.errors import BadValue, ChangedFile, NotFound, TransferFailed
from visbehavior.store import obstore_client
from visbehavior.store.address import Bucket
from visbehavior.store.obstore_client import Patience
from visbehavior.store.obstore_errors import NoRanges, NoVersions, mapped_errors
from visbehavior.store.source import ObjectSource

Request = Callable[[ObjectSource], object]


@pytest.mark.parametrize(
    ("error", "options", "expected"),
    [
        (FileNotFoundError("no such key"), (), NotFound),
        (exceptions.PreconditionError("412"), (), ChangedFile),
        (exceptions.GenericError("Request precondition failure"), (), ChangedFile),
        (exceptions.PermissionDeniedError("403"), (), TransferFailed),
        (exceptions.UnauthenticatedError("401"), (), TransferFailed),
        (exceptions.GenericError("Server returned 501 Not Implemented"), ("version",), NoVersions),
        (exceptions.GenericError("Server returned 501 Not Implemented"), ("range",), TransferFailed),
        (exceptions.NotSupportedError("ranges"), ("range",), NoRanges),
        (exceptions.NotSupportedError("ranges"), ("version",), TransferFailed),
        (exceptions.GenericError("non-partial response"), ("range",), NoRanges),
        (exceptions.GenericError("non-partial response"), (), TransferFailed),
        (exceptions.GenericError("<Code>NoSuchBucket</Code>"), (), NotFound),
        (exceptions.GenericError("anything else"), (), TransferFailed),
        (PermissionError("a file of a folder"), (), TransferFailed),
        (ValueError("a setting"), (), TransferFailed),
        (BadValue("one of ours"), (), BadValue),
        (TypeError("a bug"), (), TypeError),
    ],
)
def test_each_exception_is_mapped(error: Exception, options: tuple[str, ...], expected: type[Exception]) -> None:
    with pytest.raises(expected) as raised, mapped_errors(Bucket("bucket"), KEY, options):
        raise error
    assert type(raised.value) is expected


@pytest.mark.parametrize(
    ("error", "denied", "offline"),
    [
        (exceptions.PermissionDeniedError("403"), True, False),
        (exceptions.GenericError("403 Forbidden"), True, False),
        (exceptions.GenericError("error sending request"), False, True),
        (exceptions.GenericError("anything else"), False, False),
        (ValueError("a setting"), False, False),
    ],
)
def test_denied_and_offline_are_attributes(error: Exception, denied: bool, offline: bool) -> None:
    with pytest.raises(TransferFailed) as raised, mapped_errors(Bucket("bucket"), KEY):
        raise error
    assert (raised.value.denied, raised.value.offline) == (denied, offline)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("503", "503 Service Unavailable"),
        ("500", "500 Internal Server Error"),
        ("hang", "error sending request"),
        ("cut", "body error"),
        ("cut-long", "body error"),
        ("wrong-range", f"Requested {START}..{STOP}, got {STOP}..{2 * STOP - START}"),
        ("short", f"Requested {START}..{STOP}, got {START}..{(START + STOP) // 2}"),
        ("redirect", "redirect without LOCATION"),
    ],
)
def test_persistent_errors_are_retried_and_raised(
    fault_server: FaultServer, source: ObjectSource, monkeypatch: pytest.MonkeyPatch, kind: str, message: str
) -> None:
    retry_without_delay(monkeypatch, read_timeout="100ms" if kind == "hang" else "10s")
    fault_server.faults.append(Fault(kind, times=FOREVER, method="*"))
    with pytest.raises(TransferFailed) as raised:
        read(source, KEY, START, STOP)
    assert_message(raised.value, source, message, "try again, or check the network")
    assert len(faults_of(fault_server)) > 1
    assert source.has_ranges


@pytest.mark.parametrize("if_match", [False, True])
def test_a_stream_that_always_breaks_raises(fault_server: FaultServer, source: ObjectSource, if_match: bool) -> None:
    etag = source.info(KEY).etag if if_match else None
    fault_server.faults.append(Fault("cut-long", times=FOREVER))
    with pytest.raises(TransferFailed) as raised:
        read_stream(source, if_match=etag)
    assert_message(raised.value, source, "body error", "try again, or check the network")


@pytest.mark.parametrize("request_object", REQUESTS)
def test_a_denied_request_is_not_retried(
    fault_server: FaultServer, source: ObjectSource, request_object: Request
) -> None:
    fault_server.faults.append(Fault("403", times=FOREVER, method="*"))
    with pytest.raises(TransferFailed) as raised:
        request_object(source)
    assert_message(raised.value, source, "access denied", "Check the bucket name and the endpoint")
    assert raised.value.denied
    assert [request.status for request in fault_server.requests] == [403]


@pytest.mark.parametrize("request_object", REQUESTS)
def test_an_absent_object_is_requested_once(
    fault_server: FaultServer, source: ObjectSource, request_object: Request
) -> None:
    (fault_server.folder / KEY).unlink()
    with pytest.raises(NotFound):
        request_object(source)
    assert [request.status for request in fault_server.requests] == [404]


@pytest.mark.parametrize("request_object", REQUESTS)
@pytest.mark.parametrize(
    ("status", "texts"),
    [
        (401, ["access denied", "Check the bucket name and the endpoint"]),
        (501, ["501", "try again, or check the network"]),
    ],
)
def test_a_server_that_rejects_all_requests(request_object: Request, status: int, texts: list[str]) -> None:
    with answering_server(lambda handler: handler.send_error(status)) as endpoint:
        for source in s3_and_mirror(endpoint):
            with pytest.raises(TransferFailed) as raised:
                request_object(source)
            assert_message(raised.value, source, *texts)


def test_fewer_bytes_than_the_response_announces() -> None:
    content_range = f"bytes {START}-{STOP - 1}/{SIZE}"
    with answering_server(lambda handler: answer(handler, 206, PART[:-1], Content_Range=content_range)) as endpoint:
        for source in s3_and_mirror(endpoint):
            with pytest.raises(TransferFailed) as raised:
                read(source, KEY, START, STOP)
            # The missing byte is requested once more.
            assert_message(raised.value, source, f"Requested {STOP - 1}..{STOP}, got {START}..{STOP}", "try again")


@pytest.mark.parametrize("request_object", [*REQUESTS, lambda source: source.list(KEY)])
def test_a_server_that_cannot_be_reached_is_offline(
    closed_endpoint: str, request_object: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A refused connection takes long on Windows.
    retries = obstore_client._RETRIES
    monkeypatch.setitem(retries, Patience.PATIENT, retries[Patience.PATIENT] | {"max_retries": 0})
    for source in s3_and_mirror(closed_endpoint):
        with pytest.raises(TransferFailed) as raised:
            request_object(source)
        assert_message(raised.value, source)
        assert raised.value.offline


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("503", ["503 Service Unavailable", "try again, or check the network"]),
        ("hang", ["error sending request", "try again, or check the network"]),
        ("403", ["access denied", "Check the bucket name and the endpoint"]),
    ],
)
def test_a_listing_that_fails_has_few_retries(
    fault_server: FaultServer, s3: ObjectSource, monkeypatch: pytest.MonkeyPatch, kind: str, texts: list[str]
) -> None:
    """A listing only looks for newer releases."""
    retry_without_delay(monkeypatch, read_timeout="100ms" if kind == "hang" else "10s")
    fault_server.faults.append(Fault(kind, key="", times=FOREVER))
    with pytest.raises(TransferFailed) as raised:
        s3.list("some folder")
    for text in ("some folder", str(s3), *texts):
        assert text in str(raised.value)
    assert len(fault_server.requests) <= 2


def test_a_listing_of_an_absent_bucket_is_not_found(fault_server: FaultServer) -> None:
    source = ObjectSource(Bucket("another-bucket", fault_server.endpoint))
    with pytest.raises((NotFound, TransferFailed), match="another-bucket"):
        source.list("some folder")


def test_a_setting_that_obstore_rejects(s3: ObjectSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REQUEST_PAYER", "nonsense")
    for request_object in (read, lambda source: source.list(KEY)):
        with pytest.raises(TransferFailed, match="nonsense") as raised:
            request_object(s3)
        assert_message(raised.value, s3)
