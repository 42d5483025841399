from __future__ import annotations

from pathlib import Path

import pytest

from core.camera_list import CameraDevice, list_cameras


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """A webcam with a second node for metadata, a codec, and a device that vanishes meanwhile."""
    folder = tmp_path / "video4linux"
    nodes = {
        "video10": ("0", "Far", "81:4"),
        "video0": ("0", "Webcam", "81:0"),
        "video1": ("1", "Webcam", "81:1"),
        "video11": ("0", "bcm2835-codec", "81:5"),
    }
    for node, (index, name, number) in nodes.items():
        (folder / node).mkdir(parents=True)
        (folder / node / "index").write_text(f"{index}\n")
        (folder / node / "name").write_text(f"{name}\n")
        (folder / node / "dev").write_text(f"{number}\n")
    (folder / "video7").mkdir()
    (folder / "radio0").mkdir()
    return folder


def test_cameras_are_listed_once_each_in_order(devices: Path, tmp_path: Path) -> None:
    udev = tmp_path / "udev"
    udev.mkdir()
    for number, able in (("81:4", ":capture:"), ("81:0", ":capture:"), ("81:1", ":")):
        (udev / f"c{number}").write_text(f"I:1\nE:ID_V4L_CAPABILITIES={able}\nG:seat\n")
    (udev / "c81:5").write_text("E:ID_V4L_CAPABILITIES=:video_output:\n")
    assert list_cameras(devices, udev) == [CameraDevice(0, "Webcam"), CameraDevice(10, "Far")]


def test_where_abilities_are_not_told_the_first_node_counts(devices: Path, tmp_path: Path) -> None:
    names = [camera.name for camera in list_cameras(devices, tmp_path / "no udev")]
    assert names == ["Webcam", "Far", "bcm2835-codec"]


def test_a_name_that_a_driver_cut_inside_a_character(devices: Path, tmp_path: Path) -> None:
    (devices / "video0" / "name").write_bytes("Camera 摄".encode()[:-1] + b"\n")
    assert list_cameras(devices, tmp_path / "no udev")[0].name == "Camera \ufffd"


def test_where_nothing_is_told_there_is_nothing(tmp_path: Path) -> None:
    assert list_cameras(tmp_path / "nowhere") == []
