"""Keep a submission's answers to their own folder and their own process.

A guard rail against accidents and the usual tricks, made of Python's audit hook. It is no wall: whoever
brings machine code along, or calls the system through it, gets past. Against that, grade in a container.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import Any

NEVER = {
    *("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.system", "subprocess.Popen", "os.kill"),
    *("os.killpg", "socket.connect", "socket.bind", "socket.getaddrinfo"),
}
CHANGES = {
    *("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "os.setxattr", "os.removexattr", "shutil.rmtree"),
}
DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")


def stand_guard(folder: str) -> list[str]:
    """From now on: no process, no connection, no file outside `folder` but the installed packages.

    Returns:
        What was refused so far, a line each; grows.
    """
    refused: list[str] = []
    inside = os.path.realpath(folder)
    installed = tuple(_installed())
    folders = {os.path.realpath(entry) for entry in sys.path if entry}
    checks = os.path.realpath(os.path.join(os.path.dirname(os.path.dirname(__file__)), "checks"))

    def below(path: str, *roots: str) -> bool:
        return any(path == root or path.startswith(root + os.sep) for root in roots)

    def reference(path: str) -> bool:  # compiled ones too
        return below(path, checks) and os.path.basename(path).startswith("nb")

    def refuse(what: str) -> None:
        if what not in refused and len(refused) < 20:
            refused.append(what)
        raise PermissionError(f"not in an exercise: {what}")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in NEVER:
            refuse(event)
        if event in ("open", "os.listdir", "os.scandir", "ctypes.dlopen") or event in CHANGES:
            look(event, arguments[0], *arguments[1:3])
        if event in ("os.rename", "os.link"):
            look(event, arguments[1])  # where it goes

    def look(event: str, name: Any, *how: Any) -> None:
        if name is None or isinstance(name, int):  # a file that is open, or this process itself
            return
        path = os.path.realpath(os.fsdecode(name))
        if below(path, inside) and event != "os.symlink":
            return
        writes = event in CHANGES or (event == "open" and _writes(*how))
        if writes and path != "/dev/null":
            refuse(f"changing {path}")
        elif path in folders:  # where Python looks for modules; not what is below
            return
        elif not below(path, *installed, *DEVICES) or reference(path):
            refuse(f"reading {path}")

    sys.addaudithook(hook)
    return refused


def _writes(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return any(sign in mode for sign in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))


def _installed() -> set[str]:
    """Where Python, the packages and this library lie."""
    paths = sysconfig.get_paths()
    wanted = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    wanted |= {entry for entry in sys.path if "site-packages" in entry or "dist-packages" in entry}
    wanted.add(os.path.dirname(os.path.dirname(__file__)))
    return {os.path.realpath(each) for each in wanted}
