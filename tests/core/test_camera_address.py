"""What is said of a camera's address: never what is secret in it."""

from __future__ import annotations

import pytest

from core.camera import describe, without_credentials


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:secret@cam.local:8554/live", "rtsp://cam.local:8554/live"),
        ("rtsp://cam/live?user=admin&password=secret#secret", "rtsp://cam/live"),
        ("rtsp://secret@cam/live", "rtsp://cam/live"),
        ("http://user:secret@[fe80::1]:80/x", "http://[fe80::1]:80/x"),
        ("rtsp://user@firm.de:secret@cam/live", "rtsp://cam/live"),
        ("rtsp://user:se:cret@cam/live", "rtsp://cam/live"),
        # Typed as it is, not escaped as it should be.
        ("rtsp://user:sec/ret@cam/live", "rtsp://cam/live"),
        ("rtsp://user:1/secret@cam/live", "rtsp://cam/live"),
        ("rtsp://user:sec#ret@cam/live", "rtsp://cam/live"),
        ("rtsp://user:sec?ret@cam/live", "rtsp://cam/live"),
        ("rtsp://user:sec@ret@cam/live", "rtsp://cam/live"),
        ("rtsp://admin:1234#@cam/live", "rtsp://cam/live"),
        ("rtsp://admin:1234?5@cam:554/live", "rtsp://cam:554/live"),
        ("rtsp://admin:1/2#3@cam/live", "rtsp://cam/live"),
        ("rtsp://me@x.de:sec/ret@cam/live", "rtsp://cam/live"),
        # Nothing to hide.
        ("rtsp://cam/live", "rtsp://cam/live"),
        ("rtsp://cam:554/live", "rtsp://cam:554/live"),
        ("rtsp://cam/live@1", "rtsp://cam/live@1"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("http://cam:80/x?mail=a@b", "http://cam:80/x"),
        # No address at all, but somebody may type it.
        ("http://[::1", "http://[::1"),
        ("rtsp://cam:99999/x", "rtsp://cam:99999/x"),
        ("rtsp://user:secret@/x", "rtsp:///x"),
        ("rtsp://", "rtsp://"),
        ("/videos/a@b.mp4", "/videos/a@b.mp4"),
        ("", ""),
    ],
)
def test_credentials_are_never_shown(address: str, shown: str) -> None:
    assert without_credentials(address) == shown
    assert describe(address) == shown


def test_a_camera_is_described_by_its_number() -> None:
    assert describe(2) == "camera 2"
