"""An HTTP server on loopback that leaves no threads behind and reports the errors of its handler."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any


class LoopbackServer(ThreadingHTTPServer):
    """A server on a free port of 127.0.0.1.

    Attributes
    ----------
    errors : list of BaseException
        Errors of the handler, except lost connections.
    """

    # Threads are joined at the end, so that none outlives its test.
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self.errors: list[BaseException] = []
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), handler)

    def server_bind(self) -> None:
        # HTTPServer.server_bind would look up the name of this machine.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._connections_lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Close the connections that clients keep alive; their threads would wait forever."""
        with self._connections_lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        # Clients may disconnect. Any other error must fail the test.
        if not isinstance(error := sys.exc_info()[1], ConnectionError) and error is not None:
            self.errors.append(error)
