"""References that the tests hold this program's engines and tokenizers to: test/checkpoint/references/*.json.

Needs Python with torch, transformers, tokenizers and safetensors (the versions used are in each file):
    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install torch transformers
    npx tsc -p bench && node dist/bench/interop/own-folder.js
    /tmp/venv/bin/python bench/interop/reference.py [--check]

1. own/ (written by saveCheckpoint) is opened with AutoModelForCausalLM and AutoTokenizer -> own.json; saved again by
   transformers, its config and tokenizer -> resaved/.
2. Two Llamas with grouped keys, an output of their own and Llama 3.1's rotary scaling are made, seeded, with tokenizers
   in the styles of Llama 3 and of Qwen -> grouped-bf16/, grouped-f16/ (in two shards), grouped-*.json.
With --check nothing is written: it fails unless the files that are there say the same (logits within 1e-4).
All references are computed in f32 on the CPU from the stored weights.
"""

import json
import pathlib
import platform
import shutil
import sys
import tempfile

import safetensors
import tokenizers
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

references = pathlib.Path(__file__).resolve().parents[2] / "test" / "checkpoint" / "references"
texts = json.loads((references / "texts.json").read_text(encoding="utf8"))
versions = {
    "python": platform.python_version(),
    "torch": torch.__version__,
    "transformers": transformers.__version__,
    "tokenizers": tokenizers.__version__,
    "safetensors": safetensors.__version__,
}
new_tokens = 24
# a greedy step whose two best logits are closer than this may differ between machines
smallest_margin = 1e-3
chat = [
    {"role": "system", "content": "left out"},
    {"role": "user", "content": "hey, you up?"},
    {"role": "user", "content": "call me 😂"},
    {"role": "assistant", "content": "yes  sure"},
    {"role": "user", "content": "Привет, ça va?"},
]

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def make_tokenizer(style):
    """Byte-level BPE trained on texts.json. Llama 3: ignore_merges, bos in the post-processor; Qwen: NFC."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    is_llama3 = style == "llama3"
    tokenizer = Tokenizer(models.BPE(ignore_merges=is_llama3))
    if not is_llama3:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3 if is_llama3 else QWEN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        min_frequency=2,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts * 3, trainer)
    names = ["<|begin_of_text|>", "<|eot_id|>"] if is_llama3 else ["<|im_start|>", "<|im_end|>"]
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
    if is_llama3:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))]
        )
    return tokenizer


def make_folder(folder, style, dtype, shard_size):
    tokenizer = make_tokenizer(style)
    config = LlamaConfig(
        vocab_size=352,  # more rows than ids, as in padded vocabularies
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
        rope_parameters={
            "rope_theta": 500000.0,
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
        bos_token_id=None,
        eos_token_id=None,
    )
    torch.manual_seed(1)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            parameter.normal_(0.0, 0.3)
            if parameter.ndim == 1:
                parameter.mul_(0.3).add_(1.0)
        for table in (model.model.embed_tokens, model.lm_head):
            table.weight[tokenizer.get_vocab_size() :] = 0.0  # padding, which training makes unlikely
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard_size)
    tokenizer.save(str(folder / "tokenizer.json"))


def logits_of(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].float()


def greedy(model, ids):
    """Ids after the prompt, one by one from whole forward passes, and the smallest distance of the two best logits."""
    ids, margin = list(ids), float("inf")
    for _ in range(new_tokens):
        best = logits_of(model, ids)[-1].topk(2)
        margin = min(margin, (best.values[0] - best.values[1]).item())
        ids.append(best.indices[0].item())
    return ids[-new_tokens:], margin


def reference(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    model.generation_config = transformers.GenerationConfig()  # the folder's own says to sample
    tokenizer = AutoTokenizer.from_pretrained(folder)
    vocabulary = len(tokenizer)

    def ids_of(text):
        return tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]

    generator = torch.Generator().manual_seed(2)
    inputs = [torch.randint(vocabulary, (n,), generator=generator).tolist() for n in (1, 7, 60)]
    runs = []
    for ids in inputs:
        logits = logits_of(model, ids)
        losses = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none") if len(ids) > 1 else []
        runs.append({"ids": ids, "losses": [round(float(x), 6) for x in losses], "logits": [round(float(x), 5) for x in logits[-1]]})
    continued = []
    for text in texts:
        prompt = ids_of(text)[:30]
        ids, margin = greedy(model, prompt)
        if margin < smallest_margin:
            continue
        generated = model.generate(torch.tensor([prompt]), max_new_tokens=new_tokens, do_sample=False)
        assert generated[0].tolist() == prompt + ids, "generate() and a loop over whole passes differ"
        continued.append({"prompt": prompt, "ids": ids, "text": tokenizer.decode(ids), "margin": round(margin, 5)})
        if len(continued) == 3:
            break
    assert len(continued) == 3
    encoded = [{"text": text, "ids": ids_of(text)} for text in [*texts, "a typed <|end|> or <|eot_id|>"]]
    return tokenizer, {"madeBy": "bench/interop/reference.py", "versions": versions, "runs": runs, "greedy": continued, "tokens": encoded}


def resave(folder):
    """What transformers makes of our folder when it saves it, without the weights (they are the same)."""
    model = AutoModelForCausalLM.from_pretrained(references / "own", dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(references / "own")
    with tempfile.TemporaryDirectory() as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            shutil.copy(pathlib.Path(temporary) / name, folder / name)


def differs(old, new, path=""):
    """The first place where two references disagree, or None."""
    if isinstance(new, dict):
        found = (differs(old.get(key), new[key], f"{path}.{key}") for key in new if key != "versions")
        return next((place for place in found if place), None)
    if isinstance(new, list) and isinstance(old, list) and len(old) == len(new):
        found = (differs(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(old, new)))
        return next((place for place in found if place), None)
    if isinstance(new, float) and isinstance(old, (int, float)):
        return None if abs(new - old) <= 1e-4 * max(1.0, abs(new)) else path
    return None if old == new else path


def main():
    only_check = "--check" in sys.argv
    if not only_check:
        make_folder(references / "grouped-bf16", "llama3", torch.bfloat16, "5GB")
        make_folder(references / "grouped-f16", "qwen", torch.float16, "60KB")
        resave(references / "resaved")
    for name in ("own", "grouped-bf16", "grouped-f16"):
        tokenizer, made = reference(references / name)
        if name == "own":
            made["chat"] = {"messages": chat}
            for key, add in (("prompt", True), ("whole", False)):
                text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=add)
                ids = tokenizer.apply_chat_template(chat, tokenize=True, add_generation_prompt=add, return_dict=False)
                made["chat"][key] = {"text": text, "ids": ids}
        file = references / f"{name}.json"
        if only_check:
            place = differs(json.loads(file.read_text(encoding="utf8")), made)
            if place:
                sys.exit(f"{file.name} disagrees at {place}")
            print(f"{file.name}: agrees with transformers {versions['transformers']}, torch {versions['torch']}")
        else:
            file.write_text(json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf8")
            print(f"wrote {file.name}")


main()
