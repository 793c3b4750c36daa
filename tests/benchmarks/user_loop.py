"""A search as a careful user writes it with stock libraries alone: Optuna, transformers, PEFT, TRL, lm-eval.

`python user_loop.py SETTINGS.json` writes TRIALS.json, a line's worth of facts a trial. Every trial loads the model,
trains all its epochs with SFTTrainer, answers the validation items one by one with `model.generate`, scores them with
ROUGE-L and runs lm-eval by its command line. Nothing is pruned, and nothing is kept from one trial to the next.

Nothing is slowed down either: activation checkpointing, on by TRL's default, is off; there is no evaluation while
training and no checkpoint but the last; answers use the cache; lm-eval reads 16 requests at a time.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from rouge_score import rouge_scorer
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from trl import SFTConfig, SFTTrainer

SETTINGS = json.loads(Path(sys.argv[1]).read_text("utf-8"))
HERE = Path(sys.argv[1]).parent
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def tuned(params: dict[str, Any], out: Path) -> tuple[Any, Any]:
    """The trained model and its tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(SETTINGS["model"])
    base = AutoModelForCausalLM.from_pretrained(SETTINGS["model"], dtype=getattr(torch, SETTINGS["dtype"]))
    set_seed(SETTINGS["training_seed"])
    lora = LoraConfig(
        r=params["rank"], lora_alpha=2 * params["rank"], target_modules="all-linear", task_type="CAUSAL_LM"
    )
    model = get_peft_model(base.to(DEVICE), lora)
    arguments = SFTConfig(
        output_dir=str(out),
        num_train_epochs=params["epochs"],
        per_device_train_batch_size=SETTINGS["batch_size"],
        learning_rate=params["learning_rate"],
        lr_scheduler_type="cosine",
        weight_decay=SETTINGS["weight_decay"],
        completion_only_loss=True,
        seed=SETTINGS["training_seed"],
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        bf16=False,  # The weights have their precision already.
        activation_checkpointing=False,
        use_cpu=DEVICE == "cpu",
    )
    rows = [
        {"prompt": row["prompt"], "completion": [{"role": "assistant", "content": row["reference"]}]}
        for row in SETTINGS["train"]
    ]
    trainer = SFTTrainer(model=model, args=arguments, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    trainer.train()
    model.save_pretrained(str(out))
    return model.eval(), tokenizer


def validation_score(model: Any, tokenizer: Any) -> float:
    """Mean ROUGE-L of greedy answers."""
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    scores = []
    for row in SETTINGS["validation"]:
        inputs = tokenizer.apply_chat_template(
            row["prompt"], add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(DEVICE)
        output = model.generate(
            **inputs,
            max_new_tokens=SETTINGS["max_new_tokens"],
            do_sample=False,
            use_cache=True,  # The trainer has turned it off in the model's settings.
            pad_token_id=tokenizer.eos_token_id,
        )
        answer = tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip()
        scores.append(scorer.score(row["reference"], answer)["rougeL"].fmeasure)
    return sum(scores) / len(scores)


def benchmark_score(adapter: Path) -> float:
    """lm-eval's accuracy of the adapter."""
    out = adapter / "lm_eval"
    model = f"pretrained={SETTINGS['model']},peft={adapter},dtype={SETTINGS['dtype']}"
    place = ["--tasks", SETTINGS["benchmark"], "--include_path", SETTINGS["benchmarks"]]
    much = ["--limit", str(SETTINGS["limit"]), "--batch_size", "16", "--device", DEVICE]
    command = [sys.executable, "-m", "lm_eval", "--model", "hf", "--model_args", model, *place, *much]
    subprocess.run([*command, "--output_path", str(out)], check=True)
    (results,) = out.rglob("results_*.json")
    return float(json.loads(results.read_text("utf-8"))["results"][SETTINGS["benchmark"]]["acc,none"])


def main() -> None:
    """Every trial, and what came of it."""
    study, space = optuna.create_study(direction="maximize"), SETTINGS["space"]
    found = []
    for number in range(SETTINGS["trials"]):
        # A sampler of its own for each trial, as the harness has it: so both sides try the same configurations.
        study.sampler = optuna.samplers.TPESampler(seed=SETTINGS["seed"] + number)
        trial = study.ask()
        params = {
            "rank": trial.suggest_categorical("rank", space["rank"]),
            "learning_rate": float(f"{trial.suggest_float('learning_rate', *space['learning_rate'], log=True):.3g}"),
            "epochs": trial.suggest_categorical("epochs", space["epochs"]),
        }
        adapter = HERE / f"trial-{number}"
        model, tokenizer = tuned(params, adapter)
        score = validation_score(model, tokenizer)
        del model
        study.tell(trial, score)
        found.append({"params": params, "score": score, "benchmark": benchmark_score(adapter)})
    (HERE / "TRIALS.json").write_text(json.dumps(found), "utf-8")


main()
