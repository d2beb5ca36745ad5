"""Hugging Face's tokenizers (Rust behind Python) as a contender of bench/tokenizer, on one thread. Run by child.ts."""

import hashlib
import json
import os
import sys
import time
import traceback
from array import array

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

BATCH = 256
state = {"at": 0}


def start(message):
    with open(message["texts"], encoding="utf-8") as lines:
        state["texts"] = [json.loads(line) for line in lines]
    state["bytes"] = [len(text.encode()) for text in state["texts"]]
    return {"version": tokenizers.__version__}


def train(message):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=message["vocabSize"],
        min_frequency=2,
        special_tokens=message["specials"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    begin = time.perf_counter()
    tokenizer.train_from_iterator(state["texts"], trainer)
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "merges": [" ".join(m) for m in json.loads(tokenizer.to_str())["model"]["merges"]]}


def load(message):
    state["tokenizer"] = Tokenizer.from_file(message["tokenizer"])
    state["tokenizer"].encode_special_tokens = True


def encode(message):
    """Goes on through the texts until `seconds` are over -> bytes a second."""
    texts, sizes, tokenizer = state["texts"], state["bytes"], state["tokenizer"]
    done, ids, begin = 0, 0, time.perf_counter()
    while time.perf_counter() - begin < message["seconds"]:
        part = slice(state["at"], state["at"] + BATCH)
        for encoding in tokenizer.encode_batch_fast(texts[part], add_special_tokens=False):
            ids += len(encoding.ids)
        done += sum(sizes[part])
        state["at"] = part.stop if part.stop < len(texts) else 0
    return {"bytesPerSecond": done / (time.perf_counter() - begin), "bytesPerId": done / ids}


def check(message):
    """SHA-256 over the ids of the first `count` texts."""
    ids = array("i")
    for encoding in state["tokenizer"].encode_batch_fast(state["texts"][: message["count"]], add_special_tokens=False):
        ids.extend(encoding.ids)
    return {"ids": len(ids), "sha256": hashlib.sha256(ids.tobytes()).hexdigest()}


handlers = {"start": start, "train": train, "load": load, "encode": encode, "check": check}
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = {"reply": handlers[request["do"]](request)}
    except Exception as error:
        traceback.print_exc()
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer, separators=(",", ":")), flush=True)
