"""Processes as Linux tells of them in /proc: which belong together, the processor time they took, the memory they hold."""
from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command's name; none if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _every() -> dict[int, list[str]]:
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {pid: fields for pid in pids if (fields := stat(pid))}


def of_session(leader: int) -> list[int]:
    """The processes of the session that this one leads."""
    return [pid for pid, fields in _every().items() if int(fields[3]) == leader]


def cpu_seconds(pids: list[int]) -> float:
    """Processor time they have taken so far, with that of their children that have ended."""
    ticks = 0
    for pid in pids:
        if fields := stat(pid):
            ticks += sum(map(int, fields[11:15]))
    return ticks / TICK


def family_seconds(parent: int) -> float:
    """The same of a process and all its children, ended ones too."""
    while True:
        # a child that ends meanwhile is counted with its parent from then on: once more, so that it is not missed
        ended = (stat(parent) or [])[13:15]
        children = [pid for pid, fields in _every().items() if int(fields[1]) == parent]
        spent = cpu_seconds([parent, *children])
        if (stat(parent) or [])[13:15] == ended:
            return spent


def machine_seconds() -> float:
    """Processor time that everything on this machine has taken so far."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / TICK  # but for idling and waiting for disks


def status(pid: int, field: str) -> int:
    """A number from /proc/PID/status: VmRSS and VmHWM in KiB, Threads."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def stop(process: subprocess.Popen | None) -> None:
    """Ends a process that leads a session of its own, and the rest of its group."""
    if process is None:
        return
    for number, seconds in [(signal.SIGTERM, 15), (signal.SIGKILL, 5)]:
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
