"""Named places around every commit and act, where a test ends the process as kill -9 would.

A command that moves no ref is ``commit``; a move is ``write``, ``intend``, ``swap``, ``record``; a worker's delivery is
``dispatch``, ``cursor``, ``act``, ``effect``.
"""

import os
import re
import signal
from typing import Final

STEPS: Final = ("commit", "write", "intend", "swap", "record", "dispatch", "cursor", "act", "effect")
NAMES: Final = tuple(f"{step}:{side}" for step in STEPS for side in ("before", "after"))


class Failpoints:
    """At most one is armed, as ``swap:before`` or ``swap:before#3`` for the third time it is reached."""

    def __init__(self, armed: str | None = None) -> None:
        name, counted, count = (armed or "").partition("#")
        if armed is not None and name not in NAMES:
            raise ValueError(f"there is none of that name, but {', '.join(NAMES)}")
        if counted and re.fullmatch("[1-9][0-9]{0,8}", count) is None:
            raise ValueError("after # comes a number from 1 on")
        self._name = name
        self._left = int(count or 1)

    def reach(self, name: str) -> None:
        """Nothing, unless this is the one that is armed."""
        if name != self._name:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
