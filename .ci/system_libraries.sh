#!/bin/sh
# Makes sure that the shared libraries Qt and OpenCV load are here. On Debian and Ubuntu as root the
# missing ones are installed; anywhere else on Linux the command to do so is printed and work goes on.
set -u

[ "$(uname -s)" = Linux ] || exit 0

# Each line: what is loaded, and the Debian package that brings it.
missing=$("${PYTHON:-python3}" - <<'PYTHON'
import ctypes
from pathlib import Path

LIBRARIES = """
libEGL.so.1             libegl1
libGL.so.1              libgl1
libX11.so.6             libx11-6
libX11-xcb.so.1         libx11-xcb1
libxkbcommon.so.0       libxkbcommon0
libxkbcommon-x11.so.0   libxkbcommon-x11-0
libxcb-cursor.so.0      libxcb-cursor0
libxcb-icccm.so.4       libxcb-icccm4
libxcb-image.so.0       libxcb-image0
libxcb-keysyms.so.1     libxcb-keysyms1
libxcb-randr.so.0       libxcb-randr0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0       libxcb-shape0
libxcb-sync.so.1        libxcb-sync1
libxcb-xfixes.so.0      libxcb-xfixes0
libxcb-xinerama.so.0    libxcb-xinerama0
libxcb-xkb.so.1         libxcb-xkb1
libdbus-1.so.3          libdbus-1-3
libfontconfig.so.1      libfontconfig1
libfreetype.so.6        libfreetype6
libgthread-2.0.so.0     libglib2.0-0
"""
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")

missing = []
for library, package in (line.split() for line in LIBRARIES.split("\n") if line):
    try:
        ctypes.CDLL(library)
    except OSError:
        missing.append(package)
folders = [Path(folder).expanduser() for folder in FONT_FOLDERS]
if not any(next(folder.rglob("*.[ot]tf"), None) for folder in folders if folder.is_dir()):
    missing.append("fonts-dejavu-core")
print(*missing)
PYTHON
) || exit 0 # without a Python there is nothing to say here: the set-up says it

[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Qt needs system libraries that were not found; Debian calls them: $missing." >&2
    echo "Install them with your distribution's package manager if the window does not open." >&2
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "Qt needs system libraries that were not found. Install them with:" >&2
    echo "  sudo apt-get install --yes --no-install-recommends $missing" >&2
    exit 0
fi

install() {
    # shellcheck disable=SC2086  # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends \
        -o DPkg::Lock::Timeout=60 -o Dpkg::Use-Pty=0 $missing >/dev/null
}

echo "Installing system libraries for Qt: $missing"
install 2>/dev/null || { apt-get update --quiet=2 && install; } || {
    echo "They could not be installed; later, as root, run:" >&2
    echo "  apt-get update && apt-get install --yes --no-install-recommends $missing" >&2
}
exit 0
