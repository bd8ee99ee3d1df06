"""Interleaved pairs of Assay and a peer, and their statistics: what ci/figures and ci/gpu-check share."""

import json
import math
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time
from typing import Callable

from peers import CannotRun, Pair, Program, median

FEWEST_PAIRS = 15


def median_ranks(n: int, confidence: float = 0.95) -> tuple[int, int] | None:
    """Ranks, from 1, of the narrowest symmetric pair of order statistics that encloses the median."""
    lower, tail = 0, 0.0
    for j in range(n // 2):
        tail += math.comb(n, j) / 2.0**n
        if 2 * tail > 1 - confidence:
            break
        lower = j + 1
    return (lower, n + 1 - lower) if lower else None


def reason_in(text: str) -> str:
    """The line that says why: what is unsupported, else the last one."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("{")]
    return next((line for line in lines if "unsupported: " in line), lines[-1] if lines else "it said nothing")


def run(program: Program, limit_s: float = 600) -> float:
    environment = {
        name: value for name, value in os.environ.items() if not any(name.startswith(start) for start in program.clear)
    }
    environment |= program.give
    try:
        if program.ask is not None:
            value = program.ask(limit_s)
        else:
            done = subprocess.run(program.command, env=environment, capture_output=True, text=True, timeout=limit_s)
            if done.returncode != 0:
                why = reason_in(done.stdout + done.stderr)
                said = f"{' '.join(program.command)}\n{done.stderr[-2000:]}{done.stdout[-1000:]}"
                raise CannotRun(f"{program.name} ended with {done.returncode}: {why}: {said}")
            value = program.parse(done.stdout)
    except FileNotFoundError as missing:
        raise CannotRun(f"{missing.filename} is missing; run ci/quickstart once, it installs what is needed")
    except subprocess.TimeoutExpired:
        raise CannotRun(f"{program.name} took more than {limit_s / 60:.3g} minutes: {' '.join(program.command)}")
    if not (math.isfinite(value) and value > 0):
        raise CannotRun(f"{program.name} gave {value}: {' '.join(program.command)}")
    return value


def measure(pair: Pair, pairs: int, until: float = math.inf, fewest: int = FEWEST_PAIRS) -> dict:
    """`pairs` pairs; fewer, but at least `fewest`, where the clock (time.monotonic) passes `until` before. What
    breaks after the fewest leaves the pairs before it."""
    subject, peer, broken = [], [], ""
    for i in range(pairs):
        if i >= fewest and time.monotonic() >= until:
            break
        one = {}
        try:
            for program, values in [(pair.subject, subject), (pair.peer, peer)][:: 1 if i % 2 == 0 else -1]:
                one[id(values)] = run(program, max(1.0, min(600.0, until - time.monotonic() + 10)))
        except CannotRun as reason:
            if i < fewest:
                raise
            broken = str(reason)
            break
        subject.append(one[id(subject)])
        peer.append(one[id(peer)])
        if sys.stderr.isatty():
            end = "\n" if i + 1 == pairs else ""
            print(f"\r{pair.name}: pair {i + 1} of {pairs}", end=end, file=sys.stderr, flush=True)
    return summary(pair, subject, peer) | ({"broken": broken} if broken else {})


def summary(pair: Pair, subject: list[float], peer: list[float]) -> dict:
    """The median of the ratios, its 95 % interval (None below six pairs) and the smallest."""
    ratios = [a / b for a, b in zip(subject, peer, strict=True)]
    ordered, ranks = sorted(ratios), median_ranks(len(ratios))
    return {
        "name": pair.name,
        "subject": {"command": pair.subject.command, "values": subject, "unit": pair.unit},
        "peer": {"command": pair.peer.command, "values": peer, "unit": pair.unit},
        "ratio": median(ratios),
        "interval": [ordered[ranks[0] - 1], ordered[ranks[1] - 1]] if ranks else None,
        "minimum": ordered[0],
        "wanted": pair.verdict(median(ratios)),
        "reached": pair.reached(median(ratios)),
    }


class Served:
    """A peer that stays: a program that answers each line ("gemm_bf16 0.5") with a line of JSON ({"value": ...} or
    {"error": ...}) and is idle in between. It starts, compiles and warms up once for all pairs."""

    def __init__(self, command: list[str], log: pathlib.Path):
        self.command = command
        self._log = open(log, "w")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, start_new_session=True
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._begun: str = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            if line.startswith("{"):  # libraries print too
                self._lines.put(line)
        self._lines.put(None)

    def begin(self, what: str) -> None:
        """Asks without waiting: its answer comes before the next is asked."""
        self._begun = what
        self._write(what)

    def settle(self, limit_s: float) -> None:
        """Until it has done what was begun."""
        if begun := self._begun:
            self._begun = ""
            self._answer(begun, limit_s)

    def ask(self, what: str, limit_s: float) -> dict:
        began = time.monotonic()
        self.settle(limit_s)
        self._write(what)
        return self._answer(what, limit_s - (time.monotonic() - began))

    def _write(self, what: str) -> None:
        try:
            self._process.stdin.write(what + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # it has ended: there will be no answer

    def _answer(self, what: str, limit_s: float) -> dict:
        try:
            line = self._lines.get(timeout=max(0.1, limit_s))
        except queue.Empty:
            self.end()
            raise CannotRun(f"the peer took more than {limit_s:.0f} s for '{what}': {' '.join(self.command)}")
        if line is None:
            self._lines.put(None)  # for whoever asks again
            raise CannotRun(f"the peer ended by itself (its words: {self._log.name}): {' '.join(self.command)}")
        answer = json.loads(line)
        if "error" in answer:
            raise CannotRun(f"the peer cannot do '{what}': {answer['error']}")
        return answer

    def program(self, name: str, what: str, of: Callable[[dict], float] = lambda answer: answer["value"]) -> Program:
        return Program(name, [*self.command, what], float, ask=lambda limit_s: of(self.ask(what, limit_s)))

    def end(self) -> None:
        """It and whatever it started."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        self._log.close()
