#!/usr/bin/python3
"""Seconds of one training step of GPT-2 124M in PyTorch: the peer of training/llm_step. Prints the median.

    torch_step.py [--precision f32|bf16] [--micro-batch 4] [--sequence 64] [--steps 5] [--warmups 2]

Written as a PyTorch user would write it: torch.nn modules, AdamW, clipping, gradients set to none; bf16 by autocast. What
Assay counts within a step is within it here too: copying tokens, forward, backward, clipping, the optimizer, the loss
as a number.
"""

import argparse
import statistics
import time

import torch
from torch.nn import functional

LAYERS, WIDTH, HEADS, POSITIONS, VOCABULARY = 12, 768, 12, 1024, 50257


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm, self.feed_forward_norm = torch.nn.LayerNorm(WIDTH), torch.nn.LayerNorm(WIDTH)
        self.qkv, self.attention_out = torch.nn.Linear(WIDTH, 3 * WIDTH), torch.nn.Linear(WIDTH, WIDTH)
        self.feed_forward_in = torch.nn.Linear(WIDTH, 4 * WIDTH)
        self.feed_forward_out = torch.nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x, hidden):
        batch, sequence, _ = x.shape
        q, k, v = (
            part.view(batch, sequence, HEADS, WIDTH // HEADS).transpose(1, 2)
            for part in self.qkv(self.attention_norm(x)).split(WIDTH, dim=-1)
        )
        if hasattr(functional, "scaled_dot_product_attention"):  # from PyTorch 2.0 on
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q @ k.transpose(-2, -1)) * (WIDTH // HEADS) ** -0.5
            mixed = scores.masked_fill(hidden, float("-inf")).softmax(dim=-1) @ v
        x = x + self.attention_out(mixed.transpose(1, 2).reshape(batch, sequence, WIDTH))
        inner = functional.gelu(self.feed_forward_in(self.feed_forward_norm(x)), approximate="tanh")
        return x + self.feed_forward_out(inner)


class Gpt2(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = torch.nn.Embedding(VOCABULARY, WIDTH), torch.nn.Embedding(POSITIONS, WIDTH)
        self.blocks = torch.nn.ModuleList(Block() for _ in range(LAYERS))
        self.last_norm = torch.nn.LayerNorm(WIDTH)

    def forward(self, tokens, targets, hidden):
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block(x, hidden)
        logits = functional.linear(self.last_norm(x), self.tokens.weight)
        return functional.cross_entropy(logits.view(-1, VOCABULARY), targets.view(-1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--micro-batch", type=int, default=4)
    parser.add_argument("--sequence", type=int, default=64)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warmups", type=int, default=2)
    asked = parser.parse_args()
    torch.manual_seed(1)
    model = Gpt2()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.02)
    assert sum(parameter.numel() for parameter in model.parameters()) == 124439808
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        lr=5e-4,
        betas=(0.9, 0.95),
        foreach=True,
    )
    hidden = torch.triu(torch.ones(asked.sequence, asked.sequence, dtype=torch.bool), diagonal=1)
    data = torch.randint(VOCABULARY, (asked.micro_batch, asked.sequence + 1))
    times = []
    for step in range(asked.warmups + asked.steps):
        begin = time.perf_counter()
        tokens, targets = data[:, :-1].contiguous(), data[:, 1:].contiguous()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=asked.precision == "bf16"):
            loss = model(tokens, targets, hidden)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        if step >= asked.warmups:
            times.append(time.perf_counter() - begin)
    print(statistics.median(times))


if __name__ == "__main__":
    main()
