"""Download of complete files: several connections, one progress bar, and a hash before a file gets its final name.

A download fills the partial file: streamed blocks are kept, and an interrupted download is resumed. If several processes
download the same file, one holds a lock, and the others wait as long as it makes progress. The lock only saves bandwidth:
on file systems where it has no effect, each process downloads the file.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from visbehavior.errors import ChangedFile, CorruptFile, DiskFull, VisBehaviorError
from visbehavior.interrupts import iterate_completed
from visbehavior.progress import progress_bar
from visbehavior.settings import DOWNLOAD_JOBS
from visbehavior.store.file_download import FileDownload
from visbehavior.store.remote_object import RemoteObject
from visbehavior.wording import count_text

_POLL_INTERVAL = 0.2
_SHOW_INTERVAL = 0.5
"""Seconds between updates of the progress bar."""
_CANCEL_TIMEOUT = 1.0
"""Seconds that Ctrl-C waits for running requests to end."""


def download_files(
    objects: Sequence[RemoteObject],
    *,
    jobs: int = DOWNLOAD_JOBS,
    progress: bool = True,
    failures: dict[str, VisBehaviorError] | None = None,
    on_complete: Callable[[RemoteObject], object] = lambda _: None,
) -> None:
    """Download objects completely, except those that are complete.

    Parameters
    ----------
    objects : sequence of RemoteObject
        Each with its hash.
    jobs : int
        Number of connections.
    progress : bool
        Whether to show one progress bar for all files (on stderr, or in the notebook).
    failures : dict or None
        Receives the error of each object that could not be downloaded, by key; None: the first error is raised after the
        other objects were downloaded.
    on_complete : function
        Called with each object when its file has its final name.

    Raises
    ------
    DiskFull
        If the disk does not have enough space, before anything is downloaded.
    TransferFailed, NotFound, CorruptFile
    """
    incomplete = [remote for remote in objects if not remote.is_complete]
    if not incomplete:
        return
    errors: dict[str, VisBehaviorError] = {} if failures is None else failures
    # More threads than connections: a connection should not wait while bytes are written to disk.
    pool = ThreadPoolExecutor(jobs + jobs // 2, "visbehavior")
    cancelled = threading.Event()
    try:
        files = _request_sizes(pool, incomplete, errors)
        _check_space(files)
        with _progress_bar(files, progress) as bar:
            _DownloadQueue(pool, jobs, files, bar, errors, on_complete, cancelled).run()
    except BaseException:
        # Running requests have been told to end. A server that does not answer must not delay Ctrl-C.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    if failures is None and errors:
        raise next(iter(errors.values()))


class _DownloadQueue:
    """Requests of all files, those of earlier files first, through a limited number of connections."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        jobs: int,
        files: list[FileDownload],
        bar: Any,
        errors: dict[str, VisBehaviorError],
        on_complete: Callable[[RemoteObject], object],
        cancelled: threading.Event,
    ) -> None:
        self._cancelled = cancelled
        self._pool, self._bar, self._errors, self._on_complete = pool, bar, errors, on_complete
        self._connection = threading.BoundedSemaphore(jobs)
        self._max_requests = 2 * jobs
        self._waiting = deque(files)
        self._active: list[FileDownload] = []
        self._requests: dict[Future[int], FileDownload] = {}
        self._file_count, self._done_count = len(files), 0

    def run(self) -> None:
        try:
            while self._waiting or self._active:
                self._submit()
                if self._requests:
                    for future in wait(self._requests, _SHOW_INTERVAL, FIRST_COMPLETED).done:
                        # None if an earlier request of this loop ended the file.
                        file = self._requests.pop(future, None)
                        if file is not None:
                            self._try(file, partial(self._handle_response, file, future))
                    for file in self._active:
                        self._show(file)
                elif self._waiting and not self._active:
                    # Other processes download all remaining files.
                    time.sleep(_POLL_INTERVAL)
        except BaseException:
            # Ctrl-C: running requests write what they have received, and end.
            self._cancelled.set()
            wait(self._requests, _CANCEL_TIMEOUT)
            raise
        finally:
            for file in self._active:
                file.release()

    def _submit(self) -> None:
        """Submit requests until there are enough for all connections."""
        for file in list(self._active):
            self._try(file, partial(self._submit_requests, file))
        for _ in range(len(self._waiting)):
            if len(self._requests) >= self._max_requests:
                return
            file = self._waiting.popleft()
            self._try(file, partial(self._start, file))

    def _try(self, file: FileDownload, step: Callable[[], None]) -> None:
        """Take a step of a file. An error ends this file only."""
        try:
            step()
        except ChangedFile as error:
            self._restart(file, error)
        except VisBehaviorError as error:
            self._fail(file, error)
        except (FileNotFoundError, EOFError):
            # A process without the lock finished or discarded the file.
            if file.remote.is_complete:
                self._complete(file)
            else:
                path = file.remote.partial.path
                self._restart(file, CorruptFile(f"{path} was deleted during the download. Try again.", path=str(path)))

    def _start(self, file: FileDownload) -> None:
        if file.remote.is_complete:
            self._complete(file)
        elif not file.acquire_lock():
            self._wait_for_other_process(file)
        elif file.remote.is_complete or file.remote.verify():
            # Only its hash says that a file is the object, whoever put it there meanwhile.
            self._complete(file)
        else:
            file.remote.partial.load()
            self._activate(file)

    def _wait_for_other_process(self, file: FileDownload) -> None:
        partial_file = file.remote.partial
        partial_file.load()
        self._show(file)
        if not file.is_stalled():
            self._waiting.append(file)
            return
        self._bar.write(
            f"{file.remote.final.name}: {partial_file.downloader or 'another process'} holds {file.lock_file} and makes no progress. "
            "Continuing without the lock.",
            file=sys.stderr,
        )
        self._activate(file)

    def _activate(self, file: FileDownload) -> None:
        self._active.append(file)
        file.start()
        self._submit_requests(file)

    def _submit_requests(self, file: FileDownload) -> None:
        while len(self._requests) < self._max_requests:
            request = file.next_request(self._connection, self._cancelled.is_set)
            if request is None:
                break
            self._requests[self._pool.submit(request)] = file
        if file.has_all_blocks:
            self._finish(file)

    def _handle_response(self, file: FileDownload, future: Future[int]) -> None:
        if file in self._active:
            future.result()
            self._show(file)
            file.request_done()

    def _finish(self, file: FileDownload) -> None:
        if file.finish():
            self._complete(file)
            return
        remote = file.remote
        self._restart(
            file,
            CorruptFile(
                f"{remote.location} failed its checksum twice: its hash differs from the manifest's. The source may hold another version, or "
                "a proxy may change downloads. Nothing was kept; try another mirror.",
                path=str(remote.final),
                key=remote.key,
            ),
        )

    def _restart(self, file: FileDownload, error: VisBehaviorError) -> None:
        """Discard a file and download it again, once; the second time the error is its result."""
        if file.was_restarted:
            self._fail(file, error)
            return
        file.was_restarted = True
        file.remote.partial.discard()
        self._remove(file)
        self._bar.update(-file.cached)
        try:
            file.info = file.remote.info()
        except VisBehaviorError as info_error:
            self._fail(file, info_error)
            return
        file.reset()
        self._waiting.appendleft(file)

    def _fail(self, file: FileDownload, error: VisBehaviorError) -> None:
        self._remove(file)
        self._errors[file.remote.key] = error
        self._count_done()

    def _complete(self, file: FileDownload) -> None:
        self._remove(file)
        self._show(file, file.info.size)
        self._on_complete(file.remote)
        self._count_done()

    def _remove(self, file: FileDownload) -> None:
        if file in self._active:
            self._active.remove(file)
        file.release()
        for future in [future for future, owner in self._requests.items() if owner is file]:
            future.cancel()
            del self._requests[future]

    def _show(self, file: FileDownload, cached: int | None = None) -> None:
        self._bar.update(file.update_cached(cached))

    def _count_done(self) -> None:
        self._done_count += 1
        if self._file_count > 1:
            self._bar.set_description(f"{self._done_count}/{self._file_count} files", refresh=False)


def _request_sizes(
    pool: ThreadPoolExecutor, objects: list[RemoteObject], errors: dict[str, VisBehaviorError]
) -> list[FileDownload]:
    futures = {pool.submit(remote.info): remote for remote in objects}
    files = []
    deque(iterate_completed(futures), maxlen=0)
    for future, remote in futures.items():
        try:
            files.append(FileDownload(remote, future.result()))
        except VisBehaviorError as error:
            errors[remote.key] = error
    return files


def _check_space(files: list[FileDownload]) -> None:
    """Raise DiskFull if the missing bytes do not fit on the disk."""
    if not files:
        return
    folder = files[0].remote.final.parent
    while not folder.exists():
        folder = folder.parent
    needed = sum(file.info.size - file.cached for file in files)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"{count_text(len(files), 'file')} {'needs' if len(files) == 1 else 'need'} {_format_bytes(needed)} more in {folder}, and its disk has "
            f"{_format_bytes(free)} free. Nothing was downloaded. Free some space, choose another cache_dir, or download fewer files.",
            path=str(folder),
            needed=needed,
            free=free,
        )


def _format_bytes(count: int) -> str:
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def _progress_bar(files: list[FileDownload], progress: bool) -> Any:
    name = files[0].remote.final.name if len(files) == 1 else f"0/{len(files)} files"
    return progress_bar(
        progress and bool(files),
        desc=name,
        total=sum(file.info.size for file in files),
        initial=sum(file.cached for file in files),
        unit="B",
        unit_scale=True,
    )
