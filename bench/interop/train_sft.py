"""Train a model folder of this program on several GPUs: TRL on what `persona export sft` wrote (docs/scale-out.md).

    pip install trl            # brings torch, transformers, accelerate and datasets
    accelerate launch train_sft.py FOLDER sft.jsonl OUT
    persona models add OUT --dataset HASH

FOLDER: a run (models/runs/ID), whose tokenizer has the chat format's special tokens. Loss is on completions only, as here.
Not covered: early stopping and the gate; `persona models add` measures OUT on conversations that were never exported.
"""

import argparse

import torch
from datasets import load_dataset
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("data")
    parser.add_argument("out")
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--max-steps", type=int, default=-1, help="stop after so many optimizer steps")
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--batch-size", type=int, default=8, help="rows on each device at a time")
    parser.add_argument("--accumulate", type=int, default=1, help="batches for one optimizer step")
    parser.add_argument("--bf16", action="store_true", help="compute in bfloat16 (GPUs since Ampere)")
    arguments = parser.parse_args()

    context = AutoConfig.from_pretrained(arguments.folder).max_position_embeddings
    tokenizer = AutoTokenizer.from_pretrained(arguments.folder)
    model = AutoModelForCausalLM.from_pretrained(arguments.folder, dtype=torch.float32)
    data = load_dataset("json", data_files=arguments.data, split="train")

    def shortened(row):
        """Without the oldest turns that do not fit: a row that is too long would lose its end, which carries the loss."""
        prompt = row["prompt"]
        while "<|end|>" in prompt and len(tokenizer(prompt + row["completion"]).input_ids) > context:
            prompt = "<|bos|>" + prompt.split("<|end|>", 1)[1]
        return {"prompt": prompt}

    data = data.map(shortened)

    trainer = SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=data,
        args=SFTConfig(
            output_dir=f"{arguments.out}-steps",
            num_train_epochs=arguments.epochs,
            max_steps=arguments.max_steps,
            learning_rate=arguments.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=0.05,
            weight_decay=0.1,
            per_device_train_batch_size=arguments.batch_size,
            gradient_accumulation_steps=arguments.accumulate,
            max_length=context,
            completion_only_loss=True,
            bf16=arguments.bf16,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            seed=1,
        ),
    )
    trainer.train()
    trainer.save_model(arguments.out)
    if trainer.is_world_process_zero():
        losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
        print(f"{len(data)} rows, {len(losses)} steps on {trainer.args.world_size} devices, loss {losses[0]:.3f} -> {losses[-1]:.3f}")


main()
