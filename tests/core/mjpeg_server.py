"""A stream server on loopback, as IP cameras serve MJPEG, that misbehaves when it is told to."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Literal

import cv2
import numpy as np

Manners = Literal["fine", "silent", "dropping", "garbage", "refusing"]

_HEADER = (
    b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n"
    b"Cache-Control: no-cache\r\n\r\n"
)
_FRAME_S = 1 / 30


class MjpegServer:
    """Serves noise, so that no two pictures are the same, to any number of clients.

    silent: connections stay open and carry nothing, and stay so when the server behaves again.
    dropping: every connection ends after one picture; garbage: bytes that are no picture;
    refusing: every request is answered with an error.
    """

    def __init__(self) -> None:
        self.manners: Manners = "fine"
        self._stop = threading.Event()
        self._random = np.random.default_rng(0)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def port(self) -> int:
        return self._socket.getsockname()[1]

    def __enter__(self) -> MjpegServer:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._socket.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(1.0)
        with client:
            try:
                client.recv(4096)
                if self.manners == "refusing":
                    client.sendall(b"HTTP/1.0 503 Busy\r\n\r\n")
                    return
                client.sendall(_HEADER)
                while not self._stop.wait(_FRAME_S):
                    manners = self.manners
                    if manners == "silent":
                        self._stop.wait()
                        return
                    client.sendall(self._garbage() if manners == "garbage" else self._picture())
                    if manners == "dropping":
                        return
            except OSError:
                # The client went away, which is its right.
                return

    def _picture(self) -> bytes:
        image = self._random.integers(0, 256, (96, 128, 3), np.uint8)
        jpeg = cv2.imencode(".jpg", image)[1].tobytes()
        length = str(len(jpeg)).encode()
        return (
            b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: "
            + length
            + b"\r\n\r\n"
            + jpeg
            + b"\r\n"
        )

    def _garbage(self) -> bytes:
        return self._random.bytes(20_000)
