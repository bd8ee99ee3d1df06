"""What is compared with what: each figure of the README as pairs of Assay and a peer. Data; ci/figures measures."""

import json
import os
import pathlib
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import Callable


class CannotRun(Exception):
    pass


@dataclass
class Program:
    """A command and how its one number is read from what it wrote."""

    name: str
    command: list[str]
    parse: Callable[[str], float]
    clear: list[str] = field(default_factory=list)  # environment variables that begin with these are not inherited
    give: dict[str, str] = field(default_factory=dict)  # environment variables that it gets
    ask: Callable[[float], float] | None = None  # in place of a command: the number, asked for within these seconds


@dataclass
class Pair:
    """A figure: `subject` over `peer`. `at_most` or `at_least` is the ratio to reach; neither: for comparison."""

    name: str
    unit: str
    subject: Program
    peer: Program
    at_most: float | None = None
    at_least: float | None = None

    def reached(self, ratio: float) -> bool:
        return (self.at_most is None or ratio <= self.at_most) and (self.at_least is None or ratio >= self.at_least)

    def verdict(self, ratio: float) -> str:
        if self.at_most is None and self.at_least is None:
            return "for comparison"
        wanted = f"at most {self.at_most:.4g}" if self.at_most is not None else f"at least {self.at_least:.4g}"
        return f"{wanted}: {'reached' if self.reached(ratio) else 'MISSED'}"


def median(values: list[float]) -> float:
    ordered = sorted(values)
    n = len(ordered)
    return (ordered[(n - 1) // 2] + ordered[n // 2]) / 2


def right(record: dict) -> dict:
    """The record, if all its results passed their checks; CannotRun with what is wrong otherwise."""
    checks = {device["check"]["status"] for device in record["devices"]}
    if record["status"] != "completed" or checks != {"pass"} or "invalid" in record["path"]:
        reason = record["reason"] or record["path"].get("invalid")
        raise CannotRun(f"a launch gave no right result: {record['status']}, checks {checks}, {reason}")
    return record


def record_in(text: str) -> dict:
    """The one record among what assay-bench printed: tables for people go to standard output too."""
    return right(json.loads(next(line for line in text.splitlines() if line.startswith('{"schema"'))))


def value_in(record: dict, name: str) -> float:
    """A figure of merit of the first device: numerator over the reduced samples, or the reduced samples."""
    fom = next(one for one in record["foms"] if one["name"] == name)
    device = record["devices"][0]
    samples = device["series"][fom["series"]]["samples"] if fom["series"] else device["samples_s"]
    reduced = {"median": median, "min": min, "max": max}[fom["reduce"]](samples)
    return fom["numerator"] / reduced if fom["numerator"] is not None else reduced


def figure(name: str) -> Callable[[str], float]:
    return lambda text: value_in(record_in(text), name)


def assay_bench(folder: pathlib.Path, ranks: int, arguments: str) -> list[str]:
    launch = [shutil.which("mpiexec.hydra") or "mpiexec", "-n", str(ranks)] if ranks > 1 else []
    return launch + [str(folder / "bin/assay-bench"), *arguments.split(), "--json", "/dev/stdout"]


def bare(folder: pathlib.Path, ranks: int, program: str, *arguments: object) -> list[str]:
    launch = [shutil.which("mpiexec.hydra") or "mpiexec", "-n", str(ranks)] if ranks > 1 else []
    return launch + [str(folder / "bin" / program), *map(str, arguments)]


def metrics_of(command: list[str]) -> dict:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotRun(f"{' '.join(command)} ended with {done.returncode}\n{done.stderr}")
    return record_in(done.stdout)["devices"][0]["metrics"]


SIZES = [(8, "8 B"), (1 << 20, "1 MiB"), (64 << 20, "64 MiB")]


def collective_pairs(folder: pathlib.Path, seconds: float, collective: str) -> list[Pair]:
    """Throughput mode beside a bare loop of the same call over the same ring of buffers: seconds per iteration."""
    pairs = []
    for size, name in [(8, "")] if collective == "barrier" else SIZES:
        ours = f"collectives/{collective}" + (f" --bytes {size}" if name else "")
        ring = int(metrics_of(assay_bench(folder, 2, ours + " --time 200ms"))["ring_slots"])
        pairs.append(
            Pair(
                f"{collective} {name}".strip(),
                "s",
                Program("assay-bench", assay_bench(folder, 2, f"{ours} --time {seconds}s"), figure("time")),
                Program("bare_collective", bare(folder, 2, "bare_collective", collective, size, ring, seconds), float),
                at_most=1.05,
            )
        )
    return pairs


def allreduce(folder: pathlib.Path, seconds: float) -> list[Pair]:
    return collective_pairs(folder, seconds, "allreduce")


def collectives(folder: pathlib.Path, seconds: float) -> list[Pair]:
    """The whole family beside bare loops; and sums through a shared window beside MPI_Allreduce, both measured by Assay."""
    names = ["allreduce", "reduce_scatter", "allgather", "alltoall", "broadcast", "reduce", "barrier"]
    pairs = [pair for name in names for pair in collective_pairs(folder, seconds, name)]
    mpi = f"collectives/allreduce --bytes {64 << 20} --time {seconds}s"
    pairs.append(
        Pair(
            "shared_window 64 MiB",
            "s",
            Program("shared_window", assay_bench(folder, 2, mpi + " --implementation shared_window"), figure("time")),
            Program("MPI_Allreduce", assay_bench(folder, 2, mpi), figure("time")),
            at_most=0.2,
        )
    )
    return pairs


def pingpong(folder: pathlib.Path, seconds: float) -> list[Pair]:
    """Messages there and back beside a bare loop of MPI_Send and MPI_Recv over the same ring: seconds one way."""
    pairs = []
    for size, name in SIZES:
        ours = f"fabric/pingpong --bytes {size}"
        ring = int(metrics_of(assay_bench(folder, 2, ours + " --time 200ms"))["ring_slots"])
        pairs.append(
            Pair(
                f"pingpong {name}",
                "s",
                Program("assay-bench", assay_bench(folder, 2, f"{ours} --time {seconds}s"), figure("latency")),
                Program("bare_pingpong", bare(folder, 2, "bare_pingpong", size, ring, seconds), float),
                at_most=1.05,
            )
        )
    return pairs


def stream(folder: pathlib.Path, seconds: float) -> list[Pair]:
    """Triad beside plain OpenMP loops over arrays of the same length, best pass with best pass: bytes per second."""
    elements, passes = 1 << 25, 40
    threads = len(os.sched_getaffinity(0))
    pairs = []
    for pages in ["auto", "normal"]:
        ours = f"memory/stream --bytes {8 * elements} --threads {threads} --pages {pages} --time {max(seconds, 5)}s"
        for binding in ["true", "false"]:
            environment = ["env", f"OMP_NUM_THREADS={threads}", f"OMP_PROC_BIND={binding}"]
            pairs.append(
                Pair(
                    f"triad {pages} {'bound' if binding == 'true' else 'free'}",
                    "B/s",
                    Program("assay-bench", assay_bench(folder, 1, ours), figure("triad_best"), clear=["OMP_"]),
                    Program(
                        "bare_stream",
                        environment + bare(folder, 1, "bare_stream", elements, passes),
                        float,
                        clear=["OMP_"],
                    ),
                    at_least=0.98,
                )
            )
    return pairs


def storage(folder: pathlib.Path, _seconds: float) -> list[Pair]:
    """2 x 512 MiB past the page cache beside fio with libaio, both with 16 blocks of 1 MiB under way: bytes per second."""
    size, block, depth, ranks = 512 << 20, 1 << 20, 16, 2
    place = folder / "storage"
    place.mkdir(exist_ok=True)
    ours = f"io/stream --bytes {size} --block {block} --queue_depth {depth} --folder {place} --time 100ms"
    fio = [str(pathlib.Path(__file__).resolve().parent / "fio_stream")]
    return [
        Pair(
            f"io/stream {phase}",
            "B/s",
            Program("assay-bench", assay_bench(folder, ranks, ours), figure(phase)),
            Program("fio", fio + [phase, str(place), str(size), str(block), str(depth), str(ranks)], float),
            at_least=0.98,
        )
        for phase in ["write", "read"]
    ]


def metadata(folder: pathlib.Path, seconds: float) -> list[Pair]:
    """Small files beside a bare loop of the same system calls: files of both ranks per second."""
    files, size, ranks = 1000, 3901, 2
    place = folder / "storage"
    place.mkdir(exist_ok=True)
    seconds = max(seconds, 3.0)
    ours = f"io/metadata --files {files} --bytes {size} --folder {place} --time {seconds}s"

    def rate(index: int) -> Callable[[str], float]:
        return lambda text: float(text.split()[index])

    return [
        Pair(
            f"metadata {phase}",
            "file/s",
            Program("assay-bench", assay_bench(folder, ranks, ours), figure(phase)),
            Program("bare_metadata", bare(folder, ranks, "bare_metadata", place, files, size, "own", seconds), rate(index)),
            at_least=0.95,
        )
        for index, phase in enumerate(["create", "stat", "read", "remove"])
    ]


def gemm(folder: pathlib.Path, seconds: float) -> list[Pair]:
    """Products of 4096 x 4096 matrices beside the library called directly over the same ring: operations per second.

    f64 is compared with OpenBLAS's own choice of kernels and, on processors with AVX-512, with its AVX-512 type."""
    size, operations = "4096", 2.0 * 4096**3
    seconds = max(seconds, 2.0)  # a product of f64 takes most of a second on two cores
    types = {"f64": [""], "f32": [""], "bf16": [""], "int8": [""]}
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    if "avx512vl" in cpu:
        types["f64"].append("SkylakeX")
    pairs = []
    for dtype, core_types in types.items():
        ours = assay_bench(
            folder, 1, f"compute/gemm --dtype {dtype} --m {size} --n {size} --k {size} --time {seconds}s"
        )
        metrics = metrics_of(ours)
        threads, ring = int(metrics["threads"]), int(metrics["ring_slots"])
        for core_type in core_types:
            environment = ["env", f"OMP_NUM_THREADS={threads}", f"OPENBLAS_NUM_THREADS={threads}"]
            environment += [f"OPENBLAS_CORETYPE={core_type}"] if core_type else []
            peer = bare(folder, 1, "bare_gemm", dtype, size, size, size, ring, seconds)
            pairs.append(
                Pair(
                    f"gemm {dtype} {core_type}".strip(),
                    "OP/s" if dtype == "int8" else "FLOP/s",
                    Program("assay-bench", ours, figure("rate")),
                    Program(
                        "bare_gemm",
                        environment + peer,
                        lambda text: operations / float(text),
                        clear=["OPENBLAS_", "GOTO_", "DNNL_", "ONEDNN_", "OMP_"],
                    ),
                    at_least=0.98,
                )
            )
    return pairs


def llm_step(folder: pathlib.Path, seconds: float) -> list[Pair]:
    """A step of GPT-2 124M on 4 x 64 tokens beside PyTorch's, and on two ranks beside one with two threads: seconds.

    PyTorch runs as it is installed and, for comparison, with an allocator that keeps what it once had (glibc's, told
    so), which spares it the page faults of each step."""
    python = next((p for p in ["/usr/bin/python3", shutil.which("python3")] if p and has_torch(p)), None)
    if python is None:
        raise CannotRun("no Python here has PyTorch; Debian's package is python3-torch")
    threads = len(os.sched_getaffinity(0))
    ours = f"training/llm_step --model gpt2-124m --sequence 64 --steps 8 --time {max(seconds, 4)}s"
    keeping = ["env", "MALLOC_TRIM_THRESHOLD_=10000000000", "MALLOC_MMAP_THRESHOLD_=10000000000"]
    script = [python, str(pathlib.Path(__file__).resolve().parent / "torch_step.py")]
    cleared = ["OPENBLAS_", "OMP_", "GOTO_", "DNNL_", "ONEDNN_", "MALLOC_"]
    pairs = []
    for precision, at_most in [("f32", 1 / 2), ("bf16", 1 / 1.5)]:
        serial = f"{ours} --micro_batch 4 --precision {precision} --threads {threads}"
        subject = Program("assay-bench", assay_bench(folder, 1, serial), figure("step"), clear=cleared)
        for name, allocator in [("", []), (", PyTorch's allocator keeps memory", keeping)]:
            peer = Program("PyTorch", allocator + script + ["--precision", precision], float, clear=cleared)
            pairs.append(Pair(f"llm_step {precision}{name}", "s", subject, peer, at_most=None if name else at_most))
        split = f"{ours} --micro_batch {4 // threads} --precision {precision} --threads 1"
        for name, exchange in [("shared window", "--zero1 --exchange shared_window"), ("MPI_Iallreduce", "")]:
            parallel = assay_bench(folder, threads, f"{split} {exchange}")
            pairs.append(
                Pair(
                    f"llm_step {precision} {threads} ranks, {name}",
                    "token/s",
                    Program("data parallel", parallel, figure("tokens"), clear=cleared),
                    Program("threads", assay_bench(folder, 1, serial), figure("tokens"), clear=cleared),
                    at_least=0.85 if exchange else None,
                )
            )
    return pairs


def has_torch(python: str) -> bool:
    return subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0


# What there is to measure: the targets to build, and the pairs, given the build folder and seconds a run.
FIGURES: dict[str, tuple[list[str], Callable[[pathlib.Path, float], list[Pair]]]] = {
    "allreduce": (["assay-bench", "bare_collective"], allreduce),
    "collectives": (["assay-bench", "bare_collective"], collectives),
    "gemm": (["assay-bench", "bare_gemm"], gemm),
    "llm_step": (["assay-bench"], llm_step),
    "metadata": (["assay-bench", "bare_metadata"], metadata),
    "pingpong": (["assay-bench", "bare_pingpong"], pingpong),
    "storage": (["assay-bench"], storage),
    "stream": (["assay-bench", "bare_stream"], stream),
}


