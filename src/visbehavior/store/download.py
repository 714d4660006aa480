"""Many files whole: several connections, one total progress, each file verified before it takes its final name.

A download is the block file filled to its end: what streamed before is kept, and what was broken off goes on. Of several
processes that want one file, one brings it and the others wait as long as it gets on. The lock that makes them is a courtesy:
where it does nothing, they bring the same bytes twice.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import Any

from filelock import FileLock, Timeout

from visbehavior.errors import ChangedFile, CorruptFile, DiskFull, VisBehaviorError
from visbehavior.progress import progress_bar
from visbehavior.store.coalesce import BLOCK, DOWNLOAD_LARGEST, Span, plan_requests
from visbehavior.store.partial_file import read_at
from visbehavior.store.remote_file import RemoteObject
from visbehavior.store.source import ObjectInfo

JOBS = 8
"""Connections at once."""

PATIENCE = 30.0
"""Seconds that another process may bring nothing before its lock is passed over."""

_POLL = 0.2
_HASHED_AT_ONCE = 4 << 20


def hash_file(path: str | os.PathLike[str], said: Callable[[int], object] = lambda _: None) -> str:
    """BLAKE2b-512 of a file, in hexadecimal digits; `said` is told of bytes read."""
    hasher = hashlib.blake2b()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(_HASHED_AT_ONCE):
            hasher.update(piece)
            said(len(piece))
    return hasher.hexdigest()


def download_files(
    objects: Sequence[RemoteObject],
    *,
    jobs: int = JOBS,
    progress: bool = True,
    failures: dict[str, VisBehaviorError] | None = None,
    on_complete: Callable[[RemoteObject], object] = lambda _: None,
) -> None:
    """Bring objects whole; those that are whole already are passed over.

    Parameters
    ----------
    objects : sequence of RemoteObject
        Each with its hash.
    jobs : int
        Connections at once.
    progress : bool
        Whether to show one bar for all (on stderr, or in the notebook).
    failures : dict or None
        Takes the error of each object that did not come, by key; None: the first is raised, after the others came.
    on_complete : function
        Is told of each that has its final name.

    Raises
    ------
    DiskFull
        If there is no room, before the first byte moves.
    TransferFailed, NotFound, CorruptFile
    """
    wanted = [remote for remote in objects if not remote.is_complete]
    if not wanted:
        return
    failed: dict[str, VisBehaviorError] = {} if failures is None else failures
    # More threads than connections: none of these shall wait while a piece is written to disk.
    pool = ThreadPoolExecutor(jobs + jobs // 2, "visbehavior")
    try:
        files = _with_sizes(pool, wanted, failed)
        _check_room(files)
        with _bar(files, progress) as bar:
            _Transfer(pool, jobs, files, bar, failed, on_complete).run()
    finally:
        # What runs is let finish: its bytes are kept.
        pool.shutdown(cancel_futures=True)
    if failures is None and failed:
        raise next(iter(failed.values()))


class _Whole:
    """A file on its way: the runs that are still to be asked for, and its hash as far as it is here without a gap."""

    def __init__(self, remote: RemoteObject, info: ObjectInfo) -> None:
        self.remote = remote
        self.info = info
        self.lock = FileLock(str(remote.final) + ".blocks.lock", thread_local=False)
        self.began_anew = False
        self.waits_since: float | None = None
        self._file = -1
        self.start()

    def start(self) -> None:
        """From what is here already."""
        self.here = min(self.remote.blocks.here(), self.info.size)
        self.runs: Iterator[Span] = iter(())
        self.asked = 0
        self.all_asked = False
        self._hasher = hashlib.blake2b()
        self._hashed = 0

    def leave(self) -> None:
        """Let others have it, and leave no lock behind."""
        self._close()
        if self.lock.is_locked:
            self.lock.release()
            with suppress(OSError):
                os.unlink(self.lock.lock_file)

    def plan(self) -> None:
        """What to ask for, others' entries in the journal taken into account."""
        self.remote.begin()
        blocks = self.remote.blocks
        blocks.sign(f"process {os.getpid()} on {socket.gethostname()}")
        self.runs = iter(plan_requests(blocks.missing(range(blocks.count)), 0, DOWNLOAD_LARGEST))

    def hash_ahead(self) -> None:
        """Hash what follows what is hashed already: the end of a download need not wait for all of it."""
        blocks = self.remote.blocks
        stop = self._hashed
        while stop < blocks.count and not blocks.missing([stop]):
            stop += 1
        if stop - self._hashed < DOWNLOAD_LARGEST and stop < blocks.count:
            return
        if self._file < 0:
            # Open until the end: what is hashed is one file, and the file that gets the final name.
            self._file = os.open(blocks.path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        for start, end in plan_requests(range(self._hashed, stop), 0, DOWNLOAD_LARGEST):
            piece = bytearray(min(end * BLOCK, self.info.size) - start * BLOCK)
            read_at(self._file, start * BLOCK, memoryview(piece))
            self._hasher.update(piece)
        self._hashed = stop

    def finish(self) -> bool:
        """Give it its final name; False where its bytes are not those of the release, and are thrown away."""
        self.hash_ahead()
        if self._hasher.hexdigest() == self.remote.file_hash:
            os.fsync(self._file)
            inode = os.fstat(self._file).st_ino
            if os.name == "nt":
                # Windows renames no open file; elsewhere no other may get the inode before this one has its name.
                self._close()
            self.remote.blocks.finish(inode)
            return True
        self.remote.blocks.discard()
        return False

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class _Transfer:
    """Runs of all files, the earlier files' first, in as many connections as were asked for."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        jobs: int,
        files: list[_Whole],
        bar: Any,
        failed: dict[str, VisBehaviorError],
        on_complete: Callable[[RemoteObject], object],
    ) -> None:
        self._pool, self._bar, self._failed, self._on_whole = pool, bar, failed, on_complete
        self._gate = threading.BoundedSemaphore(jobs)
        self._most = 2 * jobs
        self._queue = deque(files)
        self._active: list[_Whole] = []
        self._futures: dict[Future[int], _Whole] = {}
        self._count, self._done = len(files), 0

    def run(self) -> None:
        try:
            while self._queue or self._active:
                self._submit()
                if self._futures:
                    for future in wait(self._futures, return_when=FIRST_COMPLETED).done:
                        # None: one before it ended the file.
                        file = self._futures.pop(future, None)
                        if file is not None:
                            self._try(file, partial(self._received, file, future))
                elif self._queue and not self._active:
                    # Others are at work on all that is left.
                    time.sleep(_POLL)
        finally:
            for file in self._active:
                file.leave()

    def _submit(self) -> None:
        """Ask for runs until every connection has one."""
        for file in list(self._active):
            self._try(file, partial(self._ask_for_runs_of, file))
        for _ in range(len(self._queue)):
            if len(self._futures) >= self._most:
                return
            file = self._queue.popleft()
            self._try(file, partial(self._begin, file))

    def _begin(self, file: _Whole) -> None:
        if self._may_start(file):
            self._active.append(file)
            file.plan()
            self._ask_for_runs_of(file)

    def _try(self, file: _Whole, step: Callable[[], None]) -> None:
        """Take a step of a file; what goes wrong ends that file alone."""
        try:
            step()
        except ChangedFile as error:
            self._again(file, error)
        except VisBehaviorError as error:
            self._give_up(file, error)
        except (FileNotFoundError, EOFError):
            # Finished, or thrown away, by a process that got past the lock.
            gone = CorruptFile(f"{file.remote.blocks.path} was removed while it was filled. Try again.")
            self._whole(file) if file.remote.is_complete else self._again(file, gone)

    def _ask_for_runs_of(self, file: _Whole) -> None:
        while len(self._futures) < self._most and not file.all_asked:
            run = next(file.runs, None)
            file.all_asked = run is None
            if run is None:
                break
            file.asked += 1
            if file.remote.source.has_ranges:
                future = self._pool.submit(file.remote.fetch_run, run, file.info, self._gate)
            else:
                file.runs = iter(())
                future = self._pool.submit(file.remote.fetch_in_one, file.info)
            self._futures[future] = file
        if file.all_asked and not file.asked:
            self._complete(file)

    def _may_start(self, file: _Whole) -> bool:
        """Whether this process is to bring the file: another may have it done, or be at it."""
        if file.remote.is_complete:
            self._whole(file)
            return False
        file.remote.blocks.make_folder()
        try:
            file.lock.acquire(timeout=0)
        except Timeout:
            return self._is_stuck(file)
        except (OSError, NotImplementedError):
            # A disk that knows no locks.
            return True
        if file.remote.is_complete:
            self._whole(file)
            return False
        file.remote.blocks.load()
        return True

    def _is_stuck(self, file: _Whole) -> bool:
        file.remote.blocks.load()
        self._show(file, file.remote.blocks.here())
        file.waits_since = file.waits_since or time.monotonic()
        if time.monotonic() - file.waits_since > PATIENCE:
            holder = file.remote.blocks.holder or "another process"
            self._bar.write(
                f"{file.remote.final.name}: {holder} holds {file.lock.lock_file} and brings nothing. Going on without it.",
                file=sys.stderr,
            )
            return True
        self._queue.append(file)
        return False

    def _show(self, file: _Whole, here: int) -> None:
        if here != file.here:
            file.waits_since = None
        self._bar.update(here - file.here)
        file.here = here

    def _received(self, file: _Whole, future: Future[int]) -> None:
        if file in self._active:
            self._show(file, file.here + future.result())
            file.asked -= 1
            file.hash_ahead()
            if not file.asked:
                self._ask_for_runs_of(file)

    def _complete(self, file: _Whole) -> None:
        if file.finish():
            self._whole(file)
            return
        remote = file.remote
        self._again(
            file,
            CorruptFile(
                f"{remote.location} came twice with other bytes than the release's: their hash is not the manifest's. The source may hold "
                "another version, or a proxy may change what passes. Nothing of it was kept; try another mirror.",
                path=str(remote.final),
                key=remote.key,
            ),
        )

    def _again(self, file: _Whole, error: VisBehaviorError) -> None:
        """Start a file anew, once."""
        if file.began_anew:
            self._give_up(file, error)
            return
        file.began_anew = True
        file.remote.blocks.discard()
        self._drop(file)
        self._bar.update(-file.here)
        try:
            file.info = file.remote.info()
        except VisBehaviorError as failed:
            self._give_up(file, failed)
            return
        file.start()
        self._queue.appendleft(file)

    def _give_up(self, file: _Whole, error: VisBehaviorError) -> None:
        self._drop(file)
        self._failed[file.remote.key] = error
        self._said()

    def _whole(self, file: _Whole) -> None:
        self._drop(file)
        self._show(file, file.info.size)
        self._on_whole(file.remote)
        self._said()

    def _drop(self, file: _Whole) -> None:
        if file in self._active:
            self._active.remove(file)
        file.leave()
        for future in [future for future, of in self._futures.items() if of is file]:
            future.cancel()
            del self._futures[future]

    def _said(self) -> None:
        self._done += 1
        if self._count > 1:
            self._bar.set_description(f"{self._done}/{self._count} files", refresh=False)


def _with_sizes(
    pool: ThreadPoolExecutor, objects: list[RemoteObject], failed: dict[str, VisBehaviorError]
) -> list[_Whole]:
    asked = [(remote, pool.submit(remote.info)) for remote in objects]
    files = []
    for remote, future in asked:
        try:
            files.append(_Whole(remote, future.result()))
        except VisBehaviorError as error:
            failed[remote.key] = error
    return files


def _check_room(files: list[_Whole]) -> None:
    """Too little room is said before, not after."""
    if not files:
        return
    folder = files[0].remote.final.parent
    while not folder.exists():
        folder = folder.parent
    needed = sum(file.info.size - file.here for file in files)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"{len(files)} file{' needs' if len(files) == 1 else 's need'} {_amount(needed)} more in {folder}, and its disk has {_amount(free)} "
            "free. Nothing was fetched. Make room, choose another cache_dir, or fetch fewer.",
            path=str(folder),
            needed=needed,
            free=free,
        )


def _amount(count: int) -> str:
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"


def _bar(files: list[_Whole], progress: bool) -> Any:
    name = files[0].remote.final.name if len(files) == 1 else f"0/{len(files)} files"
    return progress_bar(
        progress and bool(files),
        desc=name,
        total=sum(file.info.size for file in files),
        initial=sum(file.here for file in files),
        unit="B",
        unit_scale=True,
    )
