"""Runs a command and tells every socket that it, its children or native code in them try to open.

python -m tests.robustness.socket_watch COMMAND [ARGUMENT…]

A seccomp filter in the kernel asks this process about every socket() that is no Unix one (the
desktop's and multiprocessing's own); the answer is always that it is not allowed. Needs Linux 5.5
and no rights. Prints the attempts; 1 when there was one.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import platform
import select
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
# By processor: the kernel's name of it, and its numbers of socket() and of seccomp().
_MACHINES = {"x86_64": (0xC000003E, 41, 317), "aarch64": (0xC00000B7, 198, 277)}
# The same on every processor: the other way to a socket.
_IO_URING_SETUP = 425
_NO_NEW_PRIVILEGES, _SET_FILTER, _NEW_LISTENER = 38, 1, 8
_ALLOW, _ASK = 0x7FFF0000, 0x7FC00000
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOT_PERMITTED = 13
# Answered to InCab's own question whether watching works here; no command of ours ends with it.
_CANNOT = 97


class CannotWatch(Exception):
    """This machine has no such filters."""


@dataclass(frozen=True)
class Watched:
    """How a command ended, and which sockets it tried to open."""

    returncode: int
    stdout: str
    stderr: str
    attempts: tuple[str, ...]


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("if_true", ctypes.c_ubyte),
        ("if_false", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("first", ctypes.POINTER(_Instruction)))


def _install_filter() -> int:
    """Ask about sockets from now on, in this process and all that come of it; the listener."""
    if platform.machine() not in _MACHINES:
        raise CannotWatch(f"no filter was written for {platform.machine()}")
    machine, make_socket, seccomp = _MACHINES[platform.machine()]
    steps = (
        (_LOAD, 0, 0, 4),
        (_IF_EQUAL, 0, 5, machine),
        (_LOAD, 0, 0, 0),
        (_IF_EQUAL, 4, 0, _IO_URING_SETUP),
        (_IF_EQUAL, 0, 2, make_socket),
        (_LOAD, 0, 0, 16),
        (_IF_EQUAL, 0, 1, int(socket.AF_UNIX)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ASK),
    )
    instructions = (_Instruction * len(steps))(*(_Instruction(*step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    program = _Program(len(steps), instructions)
    listener = libc.syscall(seccomp, _SET_FILTER, _NEW_LISTENER, ctypes.byref(program))
    if listener < 0:
        raise CannotWatch(os.strerror(ctypes.get_errno()))
    return listener


def _become(channel: int, command: list[str]) -> None:
    """In the child: be watched by whoever has the other end of `channel`, then run the command."""
    with socket.socket(fileno=channel) as end:
        try:
            listener = _install_filter()
        except CannotWatch as error:
            print(error, file=sys.stderr)
            sys.exit(_CANNOT)
        end.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))])
    os.close(listener)
    os.execvp(command[0], command)


def _listen(channel: socket.socket, attempts: list[str]) -> None:
    try:
        _, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
    except OSError:
        return
    if not descriptors:
        return
    (listener,) = descriptors
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    try:
        while True:
            events = poll.poll()
            if not events[0][1] & select.POLLIN:
                return
            asked = bytearray(80)
            try:
                fcntl.ioctl(listener, _RECEIVE, asked)
                question, pid, _, number = struct.unpack_from("=QIIi", asked)
                family, kind = struct.unpack_from("=QQ", asked, 32)
                attempts.append(_describe(pid, number, family, kind))
                fcntl.ioctl(listener, _SEND, struct.pack("=QqiI", question, 0, -_NOT_PERMITTED, 0))
            except (FileNotFoundError, InterruptedError):
                # Whoever asked was killed meanwhile.
                continue
    finally:
        os.close(listener)


def _describe(pid: int, number: int, family: int, kind: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        name = "?"
    if number == _IO_URING_SETUP:
        return f"{name} ({pid}): io_uring"
    try:
        family_name = socket.AddressFamily(family).name
    except ValueError:
        family_name = str(family)
    return f"{name} ({pid}): socket {family_name}, type {kind & 0xF}"


def watch(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = 110.0,
) -> Watched:
    """Run a command to its end under the filter.

    Raises:
        CannotWatch: not possible on this machine.
        subprocess.TimeoutExpired: it took longer than `timeout_s`.
    """
    if sys.platform != "linux":
        raise CannotWatch("only Linux has such filters")
    attempts: list[str] = []
    here, there = socket.socketpair()
    with here:
        with there:
            program = [sys.executable, "-m", "tests.robustness.socket_watch", "--child"]
            child = subprocess.Popen(
                [*program, str(there.fileno()), *command],
                cwd=_ROOT,
                env=environment,
                pass_fds=[there.fileno()],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        listening = threading.Thread(target=_listen, args=(here, attempts))
        listening.start()
        try:
            stdout, stderr = child.communicate(timeout=timeout_s)
        finally:
            child.kill()
            child.wait()
            listening.join(timeout=10.0)
    if child.returncode == _CANNOT:
        raise CannotWatch(stderr.strip())
    return Watched(child.returncode, stdout, stderr, tuple(attempts))


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        _become(int(sys.argv[2]), sys.argv[3:])
    try:
        watched = watch(sys.argv[1:], timeout_s=3600.0)
    except CannotWatch as error:
        print(f"Sockets cannot be watched here: {error}.", file=sys.stderr)
        return 2
    print(watched.stdout, end="")
    print(watched.stderr, end="", file=sys.stderr)
    print(f"{len(watched.attempts)} sockets", *watched.attempts, sep="\n  ")
    return 1 if watched.attempts else watched.returncode


if __name__ == "__main__":
    sys.exit(main())
