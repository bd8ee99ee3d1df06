#!/usr/bin/env python3
"""A training step in PyTorch on a GPU, the peer of training/llm_step: GPT-2 or a Llama, compiled, bf16 by autocast, fused
attention, fused AdamW, clipping.

    peers_torch_training.py --model gpt2-124m --sequence 1024 --micro-batch 32 [--device cuda|cpu] [--recompute]
      then lines such as    step 3        tokens/s over at least 3 seconds
    peers_torch_training.py --check       parameters and FLOP of a token as in suites/training/support/model.h

Within a step is what Assay counts: tokens from the host, forward, backward, clipping, the optimizer. The host waits at the
end of a measurement only.
"""

import argparse
import time
from dataclasses import dataclass, replace

import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from peers_torch_serving import Clock, chosen_device, serve


@dataclass(frozen=True)
class Shape:
    """Counts of elements, as suites/training/support/model.h has them."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    feed_forward: int
    sequence: int
    positions: int  # rows of the table of learned positions; 0: a Llama
    vocabulary: int
    tied_head: bool = True
    rope_base: float = 0.0

    @property
    def head_size(self) -> int:
        return self.width // self.heads


SHAPES = {
    "tiny": Shape(2, 128, 4, 4, 512, 64, 64, 512),
    "tiny-llama": Shape(2, 128, 4, 2, 256, 64, 0, 512, False, 1e4),  # for tests
    "gpt2-124m": Shape(12, 768, 12, 12, 3072, 1024, 1024, 50257),
    "llama3-1b": Shape(16, 2048, 32, 8, 8192, 8192, 0, 128256, True, 5e5),
    "llama3-8b": Shape(32, 4096, 32, 8, 14336, 8192, 0, 128256, False, 5e5),
}


class RmsNorm(torch.nn.Module):
    def __init__(self, width: int, device: torch.device):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width, device=device))

    def forward(self, x):
        wide = x.float()
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-5) * self.weight).to(x.dtype)


class Block(torch.nn.Module):
    def __init__(self, shape: Shape, device: torch.device):
        super().__init__()
        self.shape, gpt = shape, shape.positions > 0

        def linear(inward: int, outward: int) -> torch.nn.Linear:
            return torch.nn.Linear(inward, outward, bias=gpt, device=device)

        def norm() -> torch.nn.Module:
            return torch.nn.LayerNorm(shape.width, device=device) if gpt else RmsNorm(shape.width, device)

        self.attention_norm, self.feed_forward_norm = norm(), norm()
        self.qkv = linear(shape.width, shape.width + 2 * shape.kv_heads * shape.head_size)
        self.attention_out = linear(shape.width, shape.width)
        self.feed_forward_in = linear(shape.width, shape.feed_forward * (1 if gpt else 2))
        self.feed_forward_out = linear(shape.feed_forward, shape.width)

    def attention(self, q, k, v):
        if hasattr(functional, "scaled_dot_product_attention"):  # from PyTorch 2.0 on
            grouped = {} if q.shape[1] == k.shape[1] else {"enable_gqa": True}
            return functional.scaled_dot_product_attention(q, k, v, is_causal=True, **grouped)
        k, v = (part.repeat_interleave(q.shape[1] // part.shape[1], dim=1) for part in (k, v))
        scores = (q @ k.transpose(-2, -1)) * self.shape.head_size**-0.5
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(diagonal=1)
        return scores.masked_fill(later, float("-inf")).softmax(dim=-1) @ v

    def forward(self, x, turn):
        batch, sequence, width = x.shape
        kv_width = self.shape.kv_heads * self.shape.head_size
        q, k, v = (
            part.view(batch, sequence, -1, self.shape.head_size).transpose(1, 2)
            for part in self.qkv(self.attention_norm(x)).split([width, kv_width, kv_width], dim=-1)
        )
        if turn is not None:
            q, k = turned(q, *turn), turned(k, *turn)
        mixed = self.attention(q, k, v).transpose(1, 2).reshape(batch, sequence, width)
        x = x + self.attention_out(mixed)
        inner = self.feed_forward_in(self.feed_forward_norm(x))
        if self.shape.positions > 0:
            inner = functional.gelu(inner, approximate="tanh")
        else:
            gate, up = inner.chunk(2, dim=-1)
            inner = functional.silu(gate) * up
        return x + self.feed_forward_out(inner)


def turned(x, cosine, sine):
    """Rotary positions: the two halves of a head are the pairs."""
    first, second = x.float().chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1).to(x.dtype)


class Model(torch.nn.Module):
    def __init__(self, shape: Shape, device: torch.device, recompute: bool = False):
        super().__init__()
        self.shape, self.recompute = shape, recompute
        self.tokens = torch.nn.Embedding(shape.vocabulary, shape.width, device=device)
        if shape.positions > 0:
            self.positions = torch.nn.Embedding(shape.positions, shape.width, device=device)
            self.last_norm, self.turn = torch.nn.LayerNorm(shape.width, device=device), None
        else:
            self.last_norm = RmsNorm(shape.width, device)
            rates = shape.rope_base ** (-torch.arange(0, shape.head_size, 2, device=device) / shape.head_size)
            angles = torch.outer(torch.arange(shape.sequence, device=device).float(), rates)
            self.turn = (angles.cos(), angles.sin())
        self.blocks = torch.nn.ModuleList(Block(shape, device) for _ in range(shape.layers))
        self.head = None
        if not shape.tied_head:
            self.head = torch.nn.Linear(shape.width, shape.vocabulary, bias=False, device=device)

    def forward(self, tokens, targets):
        x = self.tokens(tokens)
        if self.shape.positions > 0:
            x = x + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = checkpoint(block, x, self.turn, use_reentrant=False) if self.recompute else block(x, self.turn)
        logits = functional.linear(self.last_norm(x), self.tokens.weight if self.head is None else self.head.weight)
        return functional.cross_entropy(logits.view(-1, self.shape.vocabulary), targets.reshape(-1))


def parameters_of(shape: Shape) -> tuple[int, int]:
    """All trainable numbers; and those that every token is multiplied with."""
    model = Model(shape, torch.device("meta"))
    everything = sum(parameter.numel() for parameter in model.parameters())
    looked_up = shape.positions * shape.width + (0 if shape.tied_head else shape.vocabulary * shape.width)
    return everything, everything - looked_up


def flops_per_token(shape: Shape) -> float:
    """PaLM, appendix B (arXiv:2204.02311): 6 N + 12 L H Q T."""
    return 6.0 * parameters_of(shape)[1] + 12.0 * shape.layers * shape.width * shape.sequence


class Training:
    def __init__(self, shape: Shape, micro_batch: int, device: torch.device, recompute: bool, compiled: bool):
        torch.manual_seed(1)
        torch.set_float32_matmul_precision("high")
        self.shape, self.micro_batch, self.device, self.clock = shape, micro_batch, device, Clock(device)
        self.model = Model(shape, device, recompute)
        for parameter in self.model.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.02)
        matrices = [parameter for parameter in self.model.parameters() if parameter.dim() > 1]
        vectors = [parameter for parameter in self.model.parameters() if parameter.dim() == 1]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
        fast = {"fused": True} if device.type == "cuda" else {}
        self.optimizer = torch.optim.AdamW(groups, lr=3e-3 * 128 / shape.width, betas=(0.9, 0.95), **fast)
        self.run = torch.compile(self.model) if compiled else self.model
        pinned = {"pin_memory": True} if device.type == "cuda" else {}
        self.data = torch.randint(shape.vocabulary, (8, micro_batch, shape.sequence + 1), **pinned)
        self.steps = 0

    def step(self) -> torch.Tensor:
        data = self.data[self.steps % len(self.data)].to(self.device, non_blocking=True)
        self.steps += 1
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            loss = self.run(data[:, :-1], data[:, 1:])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def measure(self, seconds: float, warmups: int) -> dict:
        for _ in range(warmups):
            self.step()
        self.clock.finish()
        steps, chunk, losses, took = 0, 1, [], 0.0
        while took < seconds:
            began = time.perf_counter()
            for _ in range(chunk):
                losses.append(self.step())
            self.clock.finish()
            took += time.perf_counter() - began
            steps += chunk
            chunk = max(1, min(64, int(steps / took * (seconds - took)))) if took < seconds else 1
        loss = losses[-1].item()
        if not loss == loss:
            raise ArithmeticError("the loss is not a number")
        tokens = steps * self.micro_batch * self.shape.sequence / took
        return {
            "value": tokens,
            "step_s": took / steps,
            "steps": steps,
            "loss": loss,
            "flop_per_s": tokens * flops_per_token(self.shape),
            "torch": torch.__version__,
        }

    def answer(self, words: list[str]) -> dict:
        if words[0] != "step":
            raise ValueError(f"nothing is called '{words[0]}'")
        first = self.steps == 0
        return self.measure(float(words[1]), 5 if first and self.device.type == "cuda" else 1)


def check() -> None:
    """The same numbers as suites/training/support/model_test.cpp; and small models that learn."""
    assert parameters_of(SHAPES["tiny"])[0] == 396544 + 73984
    assert parameters_of(SHAPES["gpt2-124m"]) == (124439808, 123653376)
    assert parameters_of(SHAPES["llama3-1b"])[0] == 1235814400
    assert parameters_of(SHAPES["llama3-8b"]) == (8030261248, 7504924672)
    assert flops_per_token(SHAPES["gpt2-124m"]) == 6.0 * 123653376 + 113246208
    assert flops_per_token(replace(SHAPES["gpt2-124m"], sequence=64)) == 6.0 * 123653376 + 7077888
    assert flops_per_token(SHAPES["llama3-8b"]) == 6.0 * 7504924672 + 12884901888.0
    for name in ["tiny", "tiny-llama"]:
        for recompute in [False, True]:
            training = Training(SHAPES[name], 2, torch.device("cpu"), recompute, False)
            training.data = training.data[:1]  # the same sequences again and again
            first = training.measure(0.01, 0)["loss"]
            later = training.measure(0.5, 10)
            assert later["loss"] < first - 0.5, f"{name} does not learn: {first} to {later['loss']}"
            assert later["value"] > 0 and later["flop_per_s"] > later["value"]
    print("the peer's models have the right number of parameters and FLOP of a token, and learn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--model", choices=list(SHAPES), default="gpt2-124m")
    parser.add_argument("--sequence", type=int, default=0, help="0: the model's")
    parser.add_argument("--micro-batch", type=int, default=32)
    parser.add_argument("--recompute", action="store_true", help="compute activations again in the backward pass")
    asked = parser.parse_args()
    if asked.check:
        return check()
    device, shape = chosen_device(asked.device), SHAPES[asked.model]
    shape = replace(shape, sequence=asked.sequence or shape.sequence)
    training = Training(shape, asked.micro_batch, device, asked.recompute, device.type == "cuda")
    serve(training.answer)


if __name__ == "__main__":
    main()
