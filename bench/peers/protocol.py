"""The child's side of the protocol (child.ts) in Python, and what both PyTorch scripts share: batches of one file of ids,
timed steps, and the matmul peak. Requests and replies are JSON, one a line."""

import json
import math
import sys
import time
import traceback

import numpy
import torch


def serve(handlers):
    """Answers each line {"do": name, ...} with what the handler of that name returns. Ends when stdin closes."""
    for line in sys.stdin:
        message = json.loads(line)
        try:
            answer = {"reply": handlers[message["do"]](message)}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, separators=(",", ":")), flush=True)


def blas_name():
    """The library behind torch's matrix products. Debian's torch takes whatever libblas.so.3 is, and the reference one is
    fifteen times slower than the others: no comparison with that."""
    if torch.backends.mkl.is_available():
        return "MKL"
    if not sys.platform.startswith("linux"):
        return "system BLAS"
    torch.randn(8, 8) @ torch.randn(8, 8)
    with open("/proc/self/maps") as maps:
        loaded = maps.read()
    for library, name in (("openblas", "OpenBLAS"), ("libblis", "BLIS"), ("libmkl", "MKL")):
        if library in loaded:
            return name
    raise RuntimeError("torch uses the reference BLAS here (on Debian: apt-get install libopenblas0-pthread)")


class Trainer:
    """Trains `make_model(config)` on a file of uint16 ids; rows are taken in order, as the other contenders do."""

    def __init__(self, make_model):
        self.make_model = make_model

    def start(self, message):
        torch.manual_seed(1)
        self.rows, self.length = message["batchSize"], message["length"]
        self.ids = torch.from_numpy(numpy.fromfile(message["ids"], dtype=numpy.uint16).astype(numpy.int64))
        self.at = 0
        self.model = self.make_model(message["config"])
        # nanoGPT's configure_optimizers: decay on matrices only
        matrices = [p for p in self.model.parameters() if p.dim() >= 2]
        vectors = [p for p in self.model.parameters() if p.dim() < 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
            lr=message["learningRate"],
            betas=(0.9, 0.99),
        )
        return {
            "version": f"PyTorch {torch.__version__}, {blas_name()}",
            "parameters": sum(p.numel() for p in self.model.parameters()),
        }

    def batch(self):
        count = self.rows * self.length
        if self.at + count + 1 > len(self.ids):
            self.at = 0
        chunk = self.ids[self.at : self.at + count + 1]
        self.at += count
        return chunk[:-1].view(self.rows, self.length), chunk[1:].view(self.rows, self.length)

    def step(self):
        inputs, targets = self.batch()
        loss = self.model(inputs, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def train(self, message):
        """Steps until `seconds` are over, and at least `atLeast` -> milliseconds of each, the last loss."""
        step_ms = []
        begin = time.perf_counter()
        while len(step_ms) < message["atLeast"] or time.perf_counter() - begin < message["seconds"]:
            start = time.perf_counter()
            loss = self.step()
            step_ms.append((time.perf_counter() - start) * 1000)
            if not math.isfinite(loss):
                raise ValueError(f"loss {loss}")
        return {"stepMs": step_ms, "loss": loss}

    def matmul(self, message):
        """Best of several square products, GFLOP/s."""
        size = message["size"]
        a, b = torch.randn(size, size), torch.randn(size, size)
        best = float("inf")
        for _ in range(message["repeats"]):
            start = time.perf_counter()
            a @ b
            best = min(best, time.perf_counter() - start)
        return 2 * size**3 / best / 1e9

    def handlers(self):
        return {"start": self.start, "train": self.train, "matmul": self.matmul}
