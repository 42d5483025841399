"""A web server on loopback: finished files as they are, and a playlist that grows as if live."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

_TS_PACKET_BYTES = 188


class WebServer:
    """Serves `files` by name, whole and without byte ranges, as Python's own web server does."""

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = files or {}
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = answer(self.path.strip("/").partition("?")[0])
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                # The client went away, which is its right.
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        return self._server.server_port

    def answer(self, name: str) -> bytes | None:
        return self.files.get(name)

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def segments_of(stream: bytes, number: int) -> list[bytes]:
    """A transport stream in this many parts of whole packets."""
    packets = len(stream) // _TS_PACKET_BYTES
    ends = [packets * part // number * _TS_PACKET_BYTES for part in range(number + 1)]
    return [stream[start:end] for start, end in pairwise(ends)]


def playlist(segment_s: float, first: int, end: int, *, finished: bool) -> bytes:
    """An HLS playlist of `0.ts`, `1.ts`, … from `first` until before `end`."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{segment_s:.0f}"]
    lines.append(f"#EXT-X-MEDIA-SEQUENCE:{first}")
    for number in range(first, end):
        lines += [f"#EXTINF:{segment_s:.3f},", f"{number}.ts"]
    return "\n".join([*lines, "#EXT-X-ENDLIST\n" if finished else ""]).encode()


class LivePlaylist(WebServer):
    """`live.m3u8`: three segments when it is first asked for, and one more each `segment_s`."""

    def __init__(self, segments: list[bytes], segment_s: float) -> None:
        super().__init__({f"{number}.ts": part for number, part in enumerate(segments)})
        self._segment_s, self._number = segment_s, len(segments)
        self._began_s: float | None = None

    def answer(self, name: str) -> bytes | None:
        if name != "live.m3u8":
            return super().answer(name)
        now_s = time.monotonic()
        if self._began_s is None:
            self._began_s = now_s
        end = min(3 + int((now_s - self._began_s) / self._segment_s), self._number)
        return playlist(self._segment_s, end - 3, end, finished=False)
