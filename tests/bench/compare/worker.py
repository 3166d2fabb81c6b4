"""Somebody who can be asked to measure: a process that stays warm, or a command that is run each time."""
import json
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Tuple


class Failed(Exception):
    """Why there is no answer, in a line."""


@dataclass
class Answer:
    """What was measured: seconds by what took them, and the training loss after it."""

    seconds: Dict[str, List[float]]
    loss: Optional[float] = None
    gflops: Optional[float] = None


def last_words(path: str) -> str:
    """Of a program that failed: mpirun's frame around them is not what went wrong."""
    with open(path, errors="replace") as log:
        lines = [line.strip() for line in log]
    lines = [line for line in lines if line and not line.startswith("---") and "at your own risk" not in line]
    telling = [line for line in lines if "Error" in line or line.startswith("multihead:")]
    return (telling or lines or ["it said nothing"])[-1][:160]


def end(process: "subprocess.Popen[bytes]") -> None:
    """It, and what it has started: they are a session of their own."""
    for reason in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, reason)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            continue


class Worker:
    """Speaks lines: 'step N' on its stdin, JSON on its stdout. Its stderr goes to `log`."""

    def __init__(self, command: List[str], environment: Dict[str, str], folder: str, log: str) -> None:
        self.log = log
        self.pending = b""
        with open(log, "wb") as errors:
            self.process = subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=errors, start_new_session=True)

    def wait_ready(self, timeout: float) -> str:
        return str(self.read_line(timeout)["ready"])

    def ask(self, request: str, timeout: float) -> Answer:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(request.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(last_words(self.log)) from None
        line = self.read_line(timeout)
        series = {name: value for name, value in line.items() if isinstance(value, list)}
        return Answer(series, line.get("loss"), line.get("gflops"))

    def read_line(self, timeout: float) -> dict:
        assert self.process.stdout is not None
        deadline = time.monotonic() + timeout
        while b"\n" not in self.pending:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise Failed(f"no answer within {timeout:.0f} s")
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            if not piece:
                raise Failed(last_words(self.log))
            self.pending += piece
        line, _, self.pending = self.pending.partition(b"\n")
        try:
            return dict(json.loads(line))
        except ValueError:
            raise Failed(f"no JSON: {line[:80]!r}") from None

    def stop(self) -> None:
        """Without requests it ends by itself."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
            self.process.wait(timeout=10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            pass
        end(self.process)


@dataclass
class Job:
    """Runs the command as often as it is asked to; `read` finds in its stdout and folder what else it measured."""

    command: List[str]
    environment: Dict[str, str]
    folder: str
    log: str
    names: Tuple[str, ...]  # of the wall-clock time of the whole command
    read: Callable[[str], Answer]
    typed: str = ""  # on its stdin
    process: Optional["subprocess.Popen[bytes]"] = field(default=None, init=False)

    def wait_ready(self, timeout: float) -> str:
        return ""

    def ask(self, request: str, timeout: float) -> Answer:
        total = Answer({})
        for _ in range(int(request.split()[1])):
            one = self.run(timeout)
            for name, seconds in one.seconds.items():
                total.seconds.setdefault(name, []).extend(seconds)
            total.loss = one.loss
        return total

    def run(self, timeout: float) -> Answer:
        start = time.perf_counter()
        with open(self.log, "wb") as errors:
            self.process = subprocess.Popen(self.command, env=self.environment, cwd=self.folder, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
        try:
            out, _ = self.process.communicate(self.typed.encode(), timeout)
        except subprocess.TimeoutExpired:
            end(self.process)
            raise Failed(f"not done within {timeout:.0f} s") from None
        wall = time.perf_counter() - start
        if self.process.returncode != 0:
            raise Failed(last_words(self.log))
        answer = self.read(out.decode())
        answer.seconds.update((name, [wall]) for name in self.names)
        return answer

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)

