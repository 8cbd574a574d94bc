"""What the tests of this folder have in common: how they wait, and how they count."""
from __future__ import annotations

import http.client
import subprocess
import time
from collections.abc import Callable

from stack import StackError

PATIENCE = 40  # seconds until what must happen has happened


class Failed(Exception):
    """What was expected and what was seen instead."""


def check(condition: object, message: object) -> None:
    if not condition:
        raise Failed(message)


def wait(what: str, ready: Callable[[], object], patience: float = PATIENCE) -> object:
    end = time.monotonic() + patience
    while not (seen := ready()):
        check(time.monotonic() < end, f"{what}: not within {patience} s")
        time.sleep(0.2)
    return seen


class Results:
    """What passed and what did not."""

    def __init__(self) -> None:
        self.passed, self.failed, self.began = 0, 0, time.monotonic()

    def case(self, name: str, test: Callable[[], object]) -> None:
        try:
            test()
        except (Failed, StackError, OSError, ValueError, KeyError, subprocess.SubprocessError, http.client.HTTPException) as error:
            self.failed += 1
            print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
        else:
            self.passed += 1
            print(f"pass {name}", flush=True)

    def summary(self) -> int:
        """Prints it, and returns the exit status."""
        failed = f", {self.failed} failed" if self.failed else ""
        print(f"{self.passed} passed{failed} in {time.monotonic() - self.began:.0f} s")
        return 1 if self.failed or not self.passed else 0
