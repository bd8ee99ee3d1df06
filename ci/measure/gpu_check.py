"""What ci/gpu-check does with its time: steps with budgets, each with a log of its own; a step that fails stops no other."""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Callable

from gpu_table import Row, row_of_tests, table, tests_in
from pairs import Served
from peers import CannotRun

MEASURE = pathlib.Path(__file__).resolve().parent
# Without importing it: the first import of a large package takes many seconds.
WHERE_TORCH_IS = "import importlib.util as u, sys; s = u.find_spec('torch'); print(s.origin) if s else sys.exit(1)"


def knows_torch(python: str) -> bool:
    return subprocess.run([python, "-c", WHERE_TORCH_IS], capture_output=True).returncode == 0


@dataclass
class Step:
    name: str
    budget_s: float
    figures: list[str]  # the rows of the table that it gives
    do: Callable[[], None]


@dataclass
class Said:
    status: int  # 124: it took too long
    text: str


class Machine:
    """Runs commands within the time that is left, keeps their logs, holds peers and the rows of the table."""

    def __init__(self, root: pathlib.Path, hip_root: pathlib.Path | None, out: pathlib.Path, minutes: float, dry: bool):
        self.root, self.hip_root, self.out, self.dry = root, hip_root, out, dry
        self.began = time.monotonic()
        self.end = self.began + 60 * minutes
        self.until = self.end
        self.rows: list[Row] = []
        self.peers: dict[str, Served] = {}
        self.catalogue: dict[str, set[str]] = {}  # parameters of each benchmark
        self.gpu_name, self.gpu_bytes = "", 0
        self._logs = 0
        self._libraries: str | None = None
        self._python: str | None = None

    def left(self) -> float:
        return self.until - time.monotonic()

    # ---- Commands

    def libraries(self) -> str:
        """Folders of the vendor's libraries that are opened by name, where the system's loader does not know them: of the
        toolkit, or those that PyTorch brought. For our programs alone: PyTorch finds its own."""
        if self._libraries is None:
            known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout if not self.dry else ""
            folders = []
            for library in ["libcublasLt.so.13", "libnccl.so.2"]:
                if library in known:
                    continue
                places = [pathlib.Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")) / "lib64"]
                if python := self.python():
                    site = subprocess.run([python, "-c", WHERE_TORCH_IS], capture_output=True, text=True)
                    places += sorted(pathlib.Path(site.stdout.strip() or "/nowhere").parent.parent.glob("nvidia/*/lib"))
                folders += [str(place) for place in places if (place / library).exists()][:1]
            self._libraries = ":".join(dict.fromkeys(folders))
        return self._libraries

    def ours(self) -> dict[str, str]:
        """What our programs get besides the environment."""
        given = {"PATH": f"{self.root / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}"}
        inherited = os.environ.get("LD_LIBRARY_PATH", "")
        if folders := ":".join(part for part in [self.libraries(), inherited] if part):
            given["LD_LIBRARY_PATH"] = folders
        return given

    def shell(self, what: str, command: list[str], limit_s: float = 1e9, interrupt: bool = False) -> Said:
        """Ends it at the limit or when the step's time is over; `interrupt`: by Ctrl-C, with ten seconds to finish."""
        limit_s = min(limit_s, self.left())
        if self.dry:
            print(f"  {what}, at most {limit_s:.0f} s\n    $ {shlex.join(command)}")
            return Said(0, "")
        if limit_s < 1:
            raise CannotRun("no time left")
        self._logs += 1
        log = self.out / "logs" / f"{self._logs:03d}-{re.sub('[^a-z0-9]+', '-', what.lower()).strip('-')}.txt"
        began = time.monotonic()
        with open(log, "w") as file:
            file.write(f"$ {shlex.join(command)}\n")
            file.flush()
            try:
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
                    env=os.environ | self.ours(),
                )  # fmt: skip
            except OSError as refused:
                print(f"  {what}: {refused}", flush=True)
                return Said(127, str(refused))
            try:
                status = process.wait(limit_s - (10 if interrupt else 0))
            except subprocess.TimeoutExpired:
                status = 124
                if interrupt:
                    process.send_signal(signal.SIGINT)
                    try:
                        process.wait(10)
                    except subprocess.TimeoutExpired:
                        pass
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                process.wait()
        print(f"  {what}: exit {status}, {time.monotonic() - began:.1f} s ({log.name})", flush=True)
        return Said(status, log.read_text(errors="replace"))

    def bench(self, arguments: str, hip: bool = False) -> list[str]:
        return [str((self.hip_root if hip else self.root) / "bin/assay-bench"), *shlex.split(arguments)]

    # ---- What is there

    def has(self, benchmark: str, parameter: str) -> bool:
        return self.dry or parameter in self.catalogue.get(benchmark, set())

    def need(self, benchmark: str, parameter: str) -> None:
        if not self.has(benchmark, parameter):
            raise CannotRun(f"this build's {benchmark} has no parameter '{parameter}'")

    def python(self) -> str | None:
        if self._python is None:
            found = [sys.executable, shutil.which("python3"), "/usr/bin/python3"]
            self._python = next((one for one in found if one and (self.dry or knows_torch(one))), "")
        return self._python or None

    def peer(self, name: str, arguments: str, warm: str = "") -> Served | None:
        """Starts a peer, or gives the one that runs; None in a dry run. With `warm` it begins with that by itself."""
        if name in self.peers:
            return self.peers[name]
        python = self.python()
        if python is None:
            raise CannotRun("no Python here has PyTorch")
        script, *words = shlex.split(arguments)
        command = [python, str(MEASURE / script), *words]
        if self.dry:
            print(f"  peer {name}, beside the steps until it is needed\n    $ {shlex.join(command)}" + (f"    then: {warm}" if warm else ""))
            return None
        self.peers[name] = Served(command, self.out / "logs" / f"peer-{name}.txt")
        os.environ["ASSAY_IDLE_GPU_NEIGHBOURS"] = str(len(self.peers))
        if warm:
            self.peers[name].begin(warm)
        return self.peers[name]

    def end_peer(self, name: str) -> None:
        if name in self.peers:
            self.peers.pop(name).end()
            os.environ["ASSAY_IDLE_GPU_NEIGHBOURS"] = str(len(self.peers))

    # ---- Rows and steps

    def add(self, row: Row) -> None:
        self.rows.append(row)

    def tests(self, figure: str, program: pathlib.Path, filter: str) -> None:
        """Runs a test program, and alone again what failed, for after a GPU's fault all later tests of a process fail."""
        said = self.shell(figure, [str(program), f"--gtest_filter={filter}"])
        if self.dry:
            return
        found, alone = tests_in(said.text), {}
        if not (found.passed or found.failed or found.skipped or found.unfinished):
            raise CannotRun(f"it ended with {said.status}: {' '.join(said.text.split()[-12:])}")
        for name in [*found.failed, found.unfinished if said.status != 124 else ""][:12]:
            if name and self.left() > 3:
                again = self.shell(f"{name} alone", [str(program), f"--gtest_filter={name}"], 20)
                alone[name] = again.status == 0
        if said.status == 124:  # not the test's fault
            cut, found.unfinished = found.unfinished, ""
            row = row_of_tests(figure, found, alone)
            row.reached, row.measured = False, f"{row.measured}; there was no time from {cut or 'some test'} on"
        else:
            row = row_of_tests(figure, found, alone)
        if said.status not in (0, 1, 124) and row.reached:
            row.reached, row.measured = False, f"{row.measured}; exit {said.status}"
        self.add(row)

    def run(self, steps: list[Step]) -> None:
        """A step may use what those before it left of their time; where too little is left, it is not run."""
        planned = self.began
        for step in steps:
            planned += step.budget_s
            self.until = min(planned, self.end)
            if self.dry:
                self.until = time.monotonic() + step.budget_s
            print(f"\n== {step.name}: {self.left():.0f} s", flush=True)
            why = ""
            if self.left() < 0.3 * step.budget_s:
                why = "no time left"
            else:
                try:
                    step.do()
                except CannotRun as reason:
                    why = str(reason)
                except Exception as broken:  # this script's own mistakes stop no other step either
                    traceback.print_exc()
                    why = f"{type(broken).__name__}: {broken}"
            if why:
                print(f"  not run: {why}")
            given = {row.figure for row in self.rows}
            for figure in step.figures:
                if figure not in given:
                    self.add(Row(figure, not_run=" ".join((why or "the step gave nothing").split())[:140]))

    def close(self) -> None:
        for name in list(self.peers):
            self.end_peer(name)

    def status(self) -> int:
        if any(row.reached is False for row in self.rows):
            return 1
        return 2 if any(row.not_run for row in self.rows) else 0

    def tell(self) -> None:
        """The table, last."""
        text = table(self.rows)
        (self.out / "table.txt").write_text(text + "\n")
        (self.out / "table.json").write_text(json.dumps([row.__dict__ for row in self.rows], indent=1) + "\n")
        print(f"\n== What was reached, in {time.monotonic() - self.began:.0f} s\n{text}", flush=True)
