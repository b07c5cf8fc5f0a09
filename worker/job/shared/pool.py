"""The pool of a shared worker: it starts a process for each studio, gives them their turns, and starts them again.

It holds the settings of all studios, so it runs nothing of any of them itself. If it is killed, all that it started
ends with it; the runs go on from their last checkpoints once there is a worker again.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait

from app.config import ConfigError
from app.launch.reaper import Reaper, end_sessions
from worker.job.shared.studio_files import SharingStudio
from worker.job.shared.turn import Asked, spelled_turn
from worker.job.shared.turns import Turns

COMMAND = (sys.executable, "-m", "worker.job.shared.shared_worker")
"""Starts the process of a studio; its name, its end of the pipe and the queues follow."""

_LOOK_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_WELL_SECONDS = 60.0
"""A process that lived for so long is started again without much of a pause."""


def slots(workers: int, gpus: Sequence[str]) -> list[str]:
    """Return which GPUs each of so many runs at once may use, empty for all; raises ConfigError for a wrong number.

    One run at a time uses every GPU; several share them out.
    """
    if workers < 1:
        raise ConfigError(f"--workers must be at least 1, not {workers}.")
    if workers == 1 or not gpus:
        return [""] * workers
    if workers > len(gpus):
        raise ConfigError(f"--workers {workers} is more than this machine has GPUs: at most {len(gpus)}.")
    return [",".join(gpus[number::workers]) for number in range(workers)]


@dataclass
class _Member:
    """A studio and its process: what it asked for last, the slot that it has in its turn, and the stops it was sent."""

    studio: SharingStudio
    process: subprocess.Popen[bytes] | None = None
    pipe: Connection | None = None
    asked: Asked | None = None
    slot: str | None = None
    stops: int = 0
    started: float = 0.0
    again_at: float = 0.0
    pause: float = 0.0


@dataclass
class Pool:
    """The processes of the studios, of which as many work at once as there are slots."""

    studios: Sequence[SharingStudio]
    slots: list[str]
    queues: Sequence[str]
    _reaper: Reaper = field(default_factory=Reaper)
    _stops: int = 0

    def __post_init__(self) -> None:
        self._members = {studio.name: _Member(studio) for studio in self.studios}
        self._turns = Turns({studio.name: studio.settings.worker_share for studio in self.studios})

    def run(self) -> None:
        """Work until SIGINT or SIGTERM; runs that work then are finished first, unless the signal comes again."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        with self._reaper:
            try:
                while not self._stops or any(member.process for member in self._members.values()):
                    for member in self._members.values():
                        self._look_after(member)
                    self._listen()
                    self._give_turns()
            finally:
                self._end()

    def _end(self) -> None:
        """End the processes that there still are, which are none unless something unforeseen has happened."""
        left = [member.process for member in self._members.values() if member.process is not None]
        end_sessions([process.pid for process in left])
        for process in left:
            process.poll()

    def _stop(self, _number: int, _frame: object) -> None:
        self._stops += 1

    def _look_after(self, member: _Member) -> None:
        """Start the process of a studio, stop it, or notice that it has ended."""
        if member.process is None:
            if not self._stops and time.monotonic() >= member.again_at:
                self._start(member)
        elif member.process.poll() is not None:
            self._clear(member)
        elif member.stops < self._stops:
            member.stops = self._stops
            member.process.terminate()

    def _start(self, member: _Member) -> None:
        """Start the process of a studio; try it again after a pause if the system has no room for it."""
        member.started = time.monotonic()
        try:
            member.process, member.pipe = self._open(member.studio)
        except OSError as error:
            self._pause(member, f"could not be started ({error.strerror})")
        else:
            self._reaper.watch(member.process.pid)

    def _open(self, studio: SharingStudio) -> tuple[subprocess.Popen[bytes], Connection]:
        """Return a new process of a studio and the pool's end of its pipe; raises OSError."""
        ours, theirs = Pipe()
        try:
            with theirs:
                process = subprocess.Popen(
                    [*COMMAND, studio.name, str(theirs.fileno()), *self.queues],
                    env=studio.environ,
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
        except OSError:
            ours.close()
            raise
        return process, ours

    def _clear(self, member: _Member) -> None:
        """Kill what a process left behind, such as a run, and take back its turn."""
        assert member.process is not None
        assert member.pipe is not None
        leader, code = member.process.pid, member.process.returncode
        end_sessions([leader], grace=0)
        self._reaper.forget(leader)
        member.pipe.close()
        self._free(member)
        member.process = member.pipe = None
        if not self._stops:
            self._pause(member, f"was ended by {signal.Signals(-code).name}" if code < 0 else "has ended")

    def _pause(self, member: _Member, how: str) -> None:
        """Let a studio wait for its next process: longer each time, unless the last one lived for long."""
        lived = time.monotonic() - member.started
        longer = min(2 * member.pause, _LONGEST_PAUSE_SECONDS) if lived < _WELL_SECONDS else 0
        member.pause = max(_FIRST_PAUSE_SECONDS, longer)
        member.again_at = time.monotonic() + member.pause
        with suppress(OSError):  # the terminal may be gone
            print(f"{member.studio.name}: its worker {how}, and is started again in {member.pause:g} s.", flush=True)

    def _free(self, member: _Member) -> None:
        """Take back the turn of a studio, or let it wait for none."""
        self._turns.withdraw(member.studio.name)
        if member.slot is not None:
            self.slots.append(member.slot)
        member.asked = member.slot = None

    def _listen(self) -> None:
        """Hear who needs a turn and who has had it, for a moment at most."""
        speaking = {member.pipe: member for member in self._members.values() if member.pipe is not None}
        if not speaking:
            time.sleep(_LOOK_SECONDS)
        for pipe in wait(list(speaking), _LOOK_SECONDS):
            assert isinstance(pipe, Connection)
            try:
                asked = Asked.read(pipe.recv_bytes())
            except (EOFError, OSError):
                time.sleep(_LOOK_SECONDS / 10)  # it is about to end
                continue
            member = speaking[pipe]
            self._free(member)
            if asked.queue is not None:
                member.asked = asked
                self._turns.ask(member.studio.name, asked.queue)

    def _give_turns(self) -> None:
        while self.slots and not self._stops and (name := self._turns.next()) is not None:
            member = self._members[name]
            assert member.asked is not None
            assert member.pipe is not None
            member.slot = self.slots.pop(0)
            try:
                member.pipe.send_bytes(spelled_turn(member.asked.number, member.slot))
            except OSError:  # it has ended
                self._free(member)
