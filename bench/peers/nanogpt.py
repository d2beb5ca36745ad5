"""A GPT as nanoGPT trains it, PyTorch eager: LayerNorm, learned positions, GELU, no biases, tied embedding, dropout 0,
AdamW with decay on matrices, gradient norm clipped to 1. Run by bench/train and bench/memory (child.ts)."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from protocol import Trainer, serve


class LayerNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, None, 1e-5)


class Attention(nn.Module):
    def __init__(self, width, heads, length):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.fused = hasattr(F, "scaled_dot_product_attention")  # PyTorch 2
        if not self.fused:
            self.register_buffer("mask", torch.tril(torch.ones(length, length)).view(1, 1, length, length))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in self.qkv(x).split(C, dim=2))
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            scores = scores.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))
            y = F.softmax(scores, dim=-1) @ v
        return self.out(y.transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    def __init__(self, width, heads, length):
        super().__init__()
        self.norm1 = LayerNorm(width)
        self.attention = Attention(width, heads, length)
        self.norm2 = LayerNorm(width)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, length = config["width"], config["contextLength"]
        self.tokens = nn.Embedding(config["vocabSize"], width)
        self.positions = nn.Embedding(length, width)
        self.blocks = nn.ModuleList([Block(width, config["heads"], length) for _ in range(config["layers"])])
        self.norm = LayerNorm(width)
        self.head = nn.Linear(width, config["vocabSize"], bias=False)
        self.head.weight = self.tokens.weight
        for parameter in self.parameters():
            if parameter.dim() >= 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, ids, targets):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


serve(Trainer(GPT).handlers())
