#!/usr/bin/env python3
"""PyTorch's products, copies and attention on a GPU: peers of compute/gemm, memory/stream and compute/operators.

    peers_torch_kernels.py [--device cuda|cpu]     then lines such as
      gemm_bf16 8192 0.5          FLOP/s of torch.matmul on random data
      gemm_fp8 8192 0.5           FLOP/s of torch._scaled_mm, e4m3 by e4m3 into bf16, without fast accumulation
      copy 4294967296 0.5         B/s of Tensor.copy_ within the device, read and written
      attention 32 12 12 1024 64 0.5   seconds of forward and backward (batch, heads, kv heads, sequence, size of a head)

Operands are uniform in [-1, 1), and several sets rotate so that no cache holds them. `--device cpu` serves to test the logic.
"""

import argparse

import torch
from torch.nn import functional

from peers_torch_serving import Clock, chosen_device, serve

CACHE_BYTES = 256 << 20  # more than twice the L2 of any GPU of today


class Kernels:
    def __init__(self, device: torch.device):
        self.device, self.clock = device, Clock(device)
        self.warmup_s = 0.5 if device.type == "cuda" else 0.0  # until the clock has settled
        torch.manual_seed(1)

    def uniform(self, *shape: int, dtype: torch.dtype = torch.bfloat16) -> torch.Tensor:
        return torch.rand(*shape, device=self.device).mul_(2).sub_(1).to(dtype)

    def sets(self, bytes_of_one: int) -> range:
        return range(1 if self.device.type == "cpu" else max(2, -(-CACHE_BYTES // bytes_of_one)))

    def gemm_bf16(self, n: int, seconds: float) -> dict:
        sets = [(self.uniform(n, n), self.uniform(n, n)) for _ in self.sets(3 * 2 * n * n)]
        out = [torch.empty(n, n, dtype=torch.bfloat16, device=self.device) for _ in sets]

        def one(call: int) -> None:
            a, b = sets[call % len(sets)]
            torch.matmul(a, b, out=out[call % len(sets)])

        return self.rate(2.0 * n**3, one, seconds)

    def gemm_fp8(self, n: int, seconds: float) -> dict:
        if not hasattr(torch, "_scaled_mm") or not hasattr(torch, "float8_e4m3fn"):
            raise RuntimeError(f"PyTorch {torch.__version__} has no torch._scaled_mm; it came with 2.1")
        # The second operand as its transpose, which is what the library takes.
        sets = [tuple(self.uniform(n, n, dtype=torch.float8_e4m3fn) for _ in "ab") for _ in self.sets(4 * n * n)]
        scale = torch.ones((), device=self.device)

        def one(call: int) -> None:
            a, b = sets[call % len(sets)]
            torch._scaled_mm(a, b.t(), scale_a=scale, scale_b=scale, out_dtype=torch.bfloat16, use_fast_accum=False)

        return self.rate(2.0 * n**3, one, seconds)

    def copy(self, count: int, seconds: float) -> dict:
        source = torch.randint(-100, 100, (count,), dtype=torch.int8, device=self.device)
        target = torch.empty_like(source)
        return self.rate(2.0 * count, lambda _: target.copy_(source), seconds)

    def attention(self, batch: int, heads: int, kv_heads: int, sequence: int, size: int, seconds: float) -> dict:
        q, k, v = (
            self.uniform(batch, h, sequence, size).requires_grad_() for h in (heads, kv_heads, kv_heads)
        )
        outward = self.uniform(batch, heads, sequence, size)
        grouped = {} if heads == kv_heads else {"enable_gqa": True}

        def one(_: int) -> None:
            q.grad = k.grad = v.grad = None
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True, **grouped)
            mixed.backward(outward)

        return {"value": self.clock.median(one, seconds, self.warmup_s), "unit": "s"}

    def rate(self, work: float, one, seconds: float) -> dict:
        return {"value": work / self.clock.median(one, seconds, self.warmup_s)}

    def answer(self, words: list[str]) -> dict:
        name, *numbers = words
        if name not in ("gemm_bf16", "gemm_fp8", "copy", "attention"):
            raise ValueError(f"nothing is called '{name}'")
        return getattr(self, name)(*(int(number) for number in numbers[:-1]), float(numbers[-1])) | {
            "torch": torch.__version__
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    kernels = Kernels(chosen_device(parser.parse_args().device))
    serve(kernels.answer)


if __name__ == "__main__":
    main()
