"""What the PyTorch peers share: timing on a GPU or, to test their logic, on the processor; answering line by line."""

import json
import statistics
import sys
import time
import traceback
from typing import Callable

import torch


class Clock:
    """Times work that a device does by itself: by its own events, or by the host's clock on the processor."""

    def __init__(self, device: torch.device):
        self.on_gpu = device.type == "cuda"

    def finish(self) -> None:
        if self.on_gpu:
            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], None]) -> float:
        if not self.on_gpu:
            began = time.perf_counter()
            work()
            return time.perf_counter() - began
        first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        first.record()
        work()
        last.record()
        last.synchronize()
        return first.elapsed_time(last) * 1e-3

    def median(self, one: Callable[[int], None], seconds: float, warmup_s: float, batch_s: float = 0.02) -> float:
        """Median seconds of one call; `one` gets the number of the call. Warm for `warmup_s`, in batches of `batch_s`."""
        calls, batch, took = 0, 1, 0.0

        def several() -> None:
            nonlocal calls
            for _ in range(batch):
                one(calls)
                calls += 1

        one(0)  # loads, compiles, plans
        self.finish()
        began = time.perf_counter()
        while True:
            took = self.seconds(several)
            if took < batch_s:
                batch = max(batch + 1, min(4 * batch, round(batch * batch_s / max(took, 1e-9))))
            elif time.perf_counter() - began >= warmup_s:
                break
        samples, began = [], time.perf_counter()
        while len(samples) < 5 or time.perf_counter() - began < seconds:
            samples.append(self.seconds(several) / batch)
        return statistics.median(samples)


def chosen_device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        sys.exit(f"PyTorch {torch.__version__} finds no GPU; give --device cpu to test the logic alone")
    return torch.device(name)


def serve(answer: Callable[[list[str]], dict]) -> None:
    """One line of JSON for each line of words, until the input ends. What breaks is said, and the next is answered."""
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        try:
            said = answer(words)
        except Exception as reason:  # whatever it is: the others are still asked for
            traceback.print_exc(file=sys.stderr)
            said = {"error": " ".join(f"{type(reason).__name__}: {reason}".split())[:500]}
        if torch.cuda.is_available():
            torch.cuda.empty_cache()  # what is not in use now is the others' while they measure
        print(json.dumps(said), flush=True)
