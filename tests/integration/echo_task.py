"""Write a workspace whose task is to say one of two words again."""

from pathlib import Path

LABELS = ("red", "blue")
TASK = """\
name: echo
description: Say the word again.
kind: label
labels: [red, blue]
license: CC0-1.0
data: {source: words.csv, input: "{word}", reference: answer}
instruction: Say the word again.
metrics: [accuracy]
max_new_tokens: 3
"""


def echo_workspace(folder: Path, *, experiment: str, task: str = TASK, rows: int = 30, **families: str) -> Path:
    """The files of the task, rows of both labels, and `families` by their name; returns the experiment."""
    words = [f"{LABELS[i % 2]} {i},{LABELS[i % 2]}" for i in range(rows)]
    files = {
        "tasks/echo/task.yaml": task,
        "tasks/echo/prompts/engineered.txt": "Say {input}.",
        "words.csv": "\n".join(["word,answer", *words]),
        "experiments/echo.yaml": f"task: echo\n{experiment}",
        **{f"baselines/{name}.yaml": text for name, text in families.items()},
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder / "experiments/echo.yaml"
