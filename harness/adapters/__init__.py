"""One thin module a library: only these import torch, transformers, peft, trl, optuna, lm_eval, evaluate, datasets."""
