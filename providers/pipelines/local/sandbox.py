"""What a job's programs may touch: its own folder, the system's programs, and nothing else of this machine's files.

Landlock, which needs no privilege and is inherited by whatever a program starts; from ABI 6 on it also keeps signals
and abstract sockets within the job. Without it the job runs all the same, and says UNSANDBOXED. Under root programs
have no capability but those that own files and ports, since others look into processes past Landlock.
"""

import ctypes
import os
import resource
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from landlock import FSAccess, landlock_abi_version  # type: ignore[import-untyped]  # it carries no types

from providers.pipelines.local.children import die_with_parent

_CREATE, _ADD, _RESTRICT, _NO_NEW_PRIVS, _PATH_BENEATH = 444, 445, 446, 38, 1
_DROP_FROM_BOUNDING_SET: Final = 24
_CAPABILITIES: Final = 64
_KEPT: Final = frozenset(
    {0, 1, 3, 4, 6, 7, 10}
)  # chown, dac_override, fowner, fsetid, setgid, setuid, net_bind_service
_SCOPED: Final = 0b11
_SCOPES_SINCE: Final = 6
_LIMITS: Final[Mapping[int, int]] = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 65_536,
    resource.RLIMIT_FSIZE: 32 * 1024**3,
}
_PROGRAMS: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt")
_READ: Final = (
    "/etc/alternatives", "/etc/ca-certificates", "/etc/ca-certificates.conf", "/etc/debian_version",
    "/etc/gai.conf", "/etc/group", "/etc/host.conf", "/etc/hosts", "/etc/inputrc", "/etc/ld.so.cache",
    "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/locale.alias", "/etc/magic", "/etc/mime.types",
    "/etc/networks", "/etc/nsswitch.conf", "/etc/os-release", "/etc/passwd", "/etc/pki", "/etc/protocols",
    "/etc/resolv.conf", "/etc/services", "/etc/ssl", "/etc/timezone", "/proc", "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
)  # fmt: skip
UNSANDBOXED: Final = "##[warning]UNSANDBOXED: this kernel has no Landlock, so the job sees every file of this user"
_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


class _Attributes(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("folder", ctypes.c_int32))


_libc: Final = ctypes.CDLL(None, use_errno=True)


def abi() -> int:
    """The version of Landlock that this kernel has, 0 without it."""
    try:
        return int(landlock_abi_version())
    except OSError:
        return 0


class Sandbox:
    """For one job; ``confine`` runs in the child before it becomes another program."""

    def __init__(self, own: Path, readable: Iterable[Path] = ()) -> None:
        self.closed = abi() > 0
        self._rules = self._ruleset(own, readable) if self.closed else -1

    def _ruleset(self, own: Path, readable: Iterable[Path]) -> int:
        every = FSAccess.all()
        sized = ctypes.sizeof(_Attributes) if abi() >= _SCOPES_SINCE else ctypes.sizeof(ctypes.c_uint64)
        attributes = _Attributes(int(every), 0, _SCOPED)
        rules = _called(_CREATE, ctypes.byref(attributes), ctypes.c_size_t(sized), ctypes.c_uint32(0))
        read = FSAccess.READ_FILE | FSAccess.READ_DIR
        device = (FSAccess.READ_FILE | FSAccess.WRITE_FILE) | (every & FSAccess.IOCTL_DEV)
        for paths, access in (
            ((own,), every),
            (map(Path, (*_PROGRAMS, sys.base_prefix)), read | FSAccess.EXECUTE),
            ((*map(Path, _READ), *readable), read),
            (map(Path, _DEVICES), device),
        ):
            for path in paths:
                _allow(rules, path, int(access), int(FSAccess.all_file()))
        return rules

    def confine(self) -> None:
        """Ends with this process, within limits, and from here on within the rules; its children inherit all of it."""
        die_with_parent()
        for limit, value in _LIMITS.items():
            hard = resource.getrlimit(limit)[1]
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(limit, (bound, bound))
        for capability in range(_CAPABILITIES) if os.geteuid() == 0 else ():
            if capability not in _KEPT:
                _libc.prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)
        if self.closed:
            _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
            _called(_RESTRICT, ctypes.c_int(self._rules), ctypes.c_uint32(0))

    def close(self) -> None:
        """No more programs are started in it."""
        if self.closed and self._rules >= 0:
            os.close(self._rules)
            self._rules = -1


def _allow(rules: int, path: Path, access: int, of_files: int) -> None:
    """What is absent on this machine is nothing to allow."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        beneath = _Beneath(access if path.is_dir() else access & of_files, descriptor)
        _called(_ADD, ctypes.c_int(rules), ctypes.c_int(_PATH_BENEATH), ctypes.byref(beneath), ctypes.c_uint32(0))
    finally:
        os.close(descriptor)


def _called(number: int, *arguments: object) -> int:
    """OSError with what the kernel says."""
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return result
