"""The address of a database: what is meant is offered, and a password is never repeated."""

from pathlib import Path

import pytest
from workspace import assert_one_line, failure, swap

from harness.loading import load_experiment

FILE = "experiments/first.yaml"
PLANTED = "planted-word"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("studies.db", ["is no address of a database", "Fix: storage: sqlite:///studies.db"]),
        ("sqlite://", ["names no file", "Fix: storage: sqlite:///studies.db"]),
        ("'sqlite:///:memory:'", ["names no file"]),
        ("sqlite:///d.db?mode=ro", ["more than a path", "Fix: storage: sqlite:///d.db"]),
        ("postgres://me@h/d", ["a kind of database that is not known", "Fix: storage: postgresql://me@h/d"]),
        ("postgresql://h", ["needs a host and the database's name", "Fix: storage: postgresql://USER@HOST/NAME"]),
        ("https//x y", ["is no address of a database"]),
        (f"postgresql://me:{PLANTED}@h:5432/d", ["holds a password", "Fix: storage: postgresql://me@h:5432/d"]),
        (f"postgres://me:{PLANTED}@h/d", ["holds a password"]),
        (f"postgresql://h/d?password={PLANTED}", ["holds a password", "Fix: storage: postgresql://h/d"]),
        (f"postgresql://me:{PLANTED}/x@h/d", ["holds a password"]),
        (f"['postgresql://me:{PLANTED}@h/d']", ["search.storage is not shown here"]),
        (f"{{url: 'postgresql://me:{PLANTED}@h/d'}}", ["search.storage is not shown here"]),
    ],
)
def test_a_wrong_address_is_one_line(root: Path, value: str, words: list[str]) -> None:
    swap(root, FILE, "  trials: 2\n", f"  trials: 2\n  storage: {value}\n")
    lines = failure()
    assert_one_line(lines, f"{FILE}:6:{3 if value[0] in '[{' else 12}", *words)
    assert PLANTED not in lines[0]


@pytest.mark.parametrize(
    "setting",
    [
        f"search.storage=postgresql://me:{PLANTED}@h/d",
        f"search.storage=postgresql://h/d?sslmode=require&password={PLANTED}",
        f"storage=postgresql://me:{PLANTED}@h/d",
        f"search.storge=postgresql://me:{PLANTED}@h/d",
    ],
)
def test_a_password_on_the_command_line_is_not_repeated(root: Path, setting: str) -> None:
    (line,) = failure(setting)
    assert line.startswith("--set ")
    assert PLANTED not in line


@pytest.mark.parametrize(
    "url",
    ["sqlite:///a/b.db", "sqlite:////abs/b.db", "postgresql+psycopg://me@h:5432/d?sslmode=require", "mysql://h/d"],
)
def test_addresses_without_a_password_are_fine(root: Path, url: str) -> None:
    assert load_experiment(root / FILE, overrides=[f"search.storage={url}"]).experiment.search.storage == url


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("tensorboard", ["Fix: report_to: [tensorboard]"]),
        ("[tensorbord]", ["one of tensorboard, wandb, mlflow, trackio", "Fix: tensorboard"]),
    ],
)
def test_trackers_are_a_list_of_known_names(root: Path, value: str, words: list[str]) -> None:
    swap(root, FILE, "  trials: 2\n", f"  trials: 2\n  report_to: {value}\n")
    (line,) = failure()
    assert_one_line([line], f"{FILE}:6:{15 if value[0] == '[' else 14}", *words)
