"""Exactly this project's network in PyTorch eager, so that both sides do the same arithmetic: RMSNorm, rotary positions,
SwiGLU, no biases, tied embedding. Optimizer and batches as in nanogpt.py. Run by bench/train (child.ts)."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from protocol import Trainer, serve


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def rotate(x, cos, sin):
    """Hugging Face's order: x (B, H, T, D) turned by its positions' angles."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = RMSNorm(width), RMSNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        self.fused = hasattr(F, "scaled_dot_product_attention")  # PyTorch 2

    def attend(self, x, cos, sin, mask):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in self.qkv(x).split(C, dim=2))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            y = F.softmax(scores.masked_fill(mask, float("-inf")), dim=-1) @ v
        return self.out(y.transpose(1, 2).contiguous().view(B, T, C))

    def forward(self, x, cos, sin, mask):
        x = x + self.attend(self.norm1(x), cos, sin, mask)
        gate, up = self.gate_up(self.norm2(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Llama(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, heads, length = config["width"], config["heads"], config["contextLength"]
        self.tokens = nn.Embedding(config["vocabSize"], width)
        self.blocks = nn.ModuleList([Block(width, heads, config["hiddenWidth"]) for _ in range(config["layers"])])
        self.norm = RMSNorm(width)
        self.head = nn.Linear(width, config["vocabSize"], bias=False)
        self.head.weight = self.tokens.weight
        for parameter in self.parameters():
            if parameter.dim() >= 2:
                nn.init.normal_(parameter, std=0.02)
        half = width // heads // 2
        frequencies = config["ropeTheta"] ** (-torch.arange(half).float() / half)
        angles = torch.outer(torch.arange(length).float(), frequencies).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())
        self.register_buffer("mask", torch.ones(length, length, dtype=torch.bool).triu(1))

    def forward(self, ids, targets):
        T = ids.shape[1]
        x = self.tokens(ids)
        for block in self.blocks:
            x = block(x, self.cos[:T], self.sin[:T], self.mask[:T, :T])
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


serve(Trainer(Llama).handlers())
