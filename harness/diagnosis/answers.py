"""Turn a trial's answers on validation into how they went wrong: all alike, one class lost, not in the right form."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from harness.diagnosis.facts import Facts, Finding, Reply, percent, rates

ITEMS = 10
"""Validation items that must have an answer; with fewer, a share of them says nothing."""
ENTROPY = 0.5
"""Share of the references' entropy below which labels have collapsed: of two equal classes one is then given to nine
items in ten.
"""
DISTINCT = 0.5
"""Share of the references' distinct texts below which free answers have collapsed."""
RECALL_GAP = 0.25
"""A class is lost when it is found so much less often than the rest; the macro mean of few classes then feels it."""
RECALL_P = 0.01
"""And when so few hits, were it found as often as the rest, had at most this chance, divided by the classes told."""
MISSHAPEN = 0.1
"""Share of answers of the wrong form. One in ten is more than any gate on the form that is worth its name lets pass."""
LEAST = 2
"""Answers of the wrong form: one alone is an accident."""
SHOWN = 40
"""Characters of an answer in a sentence."""
INSTRUCTION = 15
"""Characters of the prompt's own words that are an echo when an answer repeats them."""
TEMPLATE_TOKENS = (
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"),
    *("<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<<SYS>>", "<|user|>", "<|assistant|>", "<|system|>"),
    *("<s>", "</s>", "<|end|>", "### Instruction:", "### Response:"),
)
"""What the chat templates of ChatML, Llama, Gemma, Mistral, Zephyr, Phi and Alpaca write between turns."""


def mode_collapse(facts: Facts) -> Finding | None:
    """The answers are more alike than the references are."""
    if len(facts.replies) < ITEMS:
        return None
    evidence = _few_labels(facts) if facts.asked.labels else _few_texts(facts)
    if evidence is None:
        return None
    return Finding(
        rule="mode_collapse",
        epoch=facts.best_epoch,
        evidence=evidence,
        remedy="A lower learning rate and fewer epochs; where one answer fills the training data, more of the others.",
        change=rates(facts.rate / 100, facts.rate / 10),
    )


def _few_labels(facts: Facts) -> str | None:
    """What names no label counts as it was said."""
    given = [reply.label or _folded(reply.text) for reply in facts.replies]
    wanted, found = entropy(facts.asked.references), entropy(given)
    if found >= ENTROPY * wanted:
        return None
    label, times = Counter(given).most_common(1)[0]
    return (
        f"“{beginning(label)}” is the answer to {times:,} of {len(given):,} items: {found:.2f} bits of entropy, "
        f"{wanted:.2f} in the references."
    )


def beginning(text: str) -> str:
    """The beginning of an answer; it is what a model said, and may be long."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _few_texts(facts: Facts) -> str | None:
    texts = [_folded(reply.text) for reply in facts.replies]
    found, wanted = len(set(texts)), len({_folded(text) for text in facts.asked.references})
    if found >= DISTINCT * wanted:
        return None
    commonest = max(Counter(texts).values())
    return (
        f"{found:,} different answers to {len(texts):,} items that have {wanted:,} different references; one of them "
        f"is given {commonest:,} times."
    )


def entropy(labels: Iterable[object]) -> float:
    """Of the frequencies of the labels, in bits."""
    counts = Counter(labels).values()
    return sum(count / sum(counts) * math.log2(sum(counts) / count) for count in counts) + 0.0


def minority_class(facts: Facts) -> Finding | None:
    """A class is found far less often than the others."""
    references, given = facts.asked.references, [reply.label for reply in facts.replies]
    classes = Counter(references)
    if not facts.asked.labels or len(classes) < 2 or len(given) != len(references):
        return None
    hits = Counter(want for want, label in zip(references, given, strict=True) if want == label)
    lost = [name for name in classes if _lost(name, classes=classes, hits=hits)]
    if not lost:
        return None
    worst = min(lost, key=lambda name: (hits[name] / classes[name], -classes[name]))
    others = (sum(hits.values()) - hits[worst]) / (len(references) - classes[worst])
    return Finding(
        rule="minority_class",
        epoch=facts.best_epoch,
        evidence=f"Of {classes[worst]:,} items that are “{worst}” {percent(hits[worst] / classes[worst])} are found, "
        f"of the others {percent(others)}{_before(facts, worst)}{_also(len(lost) - 1)}.",
        remedy="More examples of the class, or fewer of the others; a metric that counts classes alike.",
        change="metrics: [macro_f1, accuracy]",
    )


def _lost(name: str, *, classes: Counter[str], hits: Counter[str]) -> bool:
    others = classes.total() - classes[name]
    usual = (hits.total() - hits[name]) / others
    if usual - hits[name] / classes[name] < RECALL_GAP:
        return False
    return _at_most(hits[name], of=classes[name], chance=usual) <= RECALL_P / len(classes)


def _at_most(hits: int, *, of: int, chance: float) -> float:
    """Probability of so few hits."""
    from scipy.stats import binom

    return float(binom.cdf(hits, of, chance))


def _before(facts: Facts, name: str) -> str:
    """What the base model finds of the class."""
    if facts.base is None or len(facts.base.replies) != len(facts.asked.references):
        return ""
    pairs = zip(facts.asked.references, facts.base.replies, strict=True)
    found = [reply.label == name for want, reply in pairs if want == name]
    return f"; without tuning it was found in {percent(sum(found) / len(found))}"


def _also(more: int) -> str:
    return f"; {more} more {'class is' if more == 1 else 'classes are'} lost too" if more else ""


def format_errors(facts: Facts) -> Finding | None:
    """Answers that do not end, name no label, are empty, or repeat the template or the prompt."""
    if len(facts.replies) < ITEMS:
        return None
    kinds = [_fault(reply, facts=facts, want=want) for reply, want in zip(facts.replies, _wanted(facts), strict=True)]
    found = Counter(filter(None, kinds))
    if found.total() < max(LEAST, MISSHAPEN * len(kinds)):
        return None
    listed = ", ".join(f"{times:,} {kind}" for kind, times in found.most_common())
    longer = facts.asked.max_new_tokens
    return Finding(
        rule="format",
        epoch=facts.best_epoch,
        evidence=f"{found.total():,} of {len(kinds):,} answers have the wrong form: {listed}.",
        remedy=REMEDIES[found.most_common(1)[0][0]],
        change=f"max_new_tokens: {2 * longer}" if longer and found.most_common(1)[0][0] == UNFINISHED else "",
    )


UNFINISHED, LABELLESS = "cut at max_new_tokens", "naming no label"
EMPTY, TEMPLATED, ECHOED = "empty", "with tokens of a chat template", "repeating the prompt"
REMEDIES = {
    UNFINISHED: "A larger max_new_tokens where references are long; else a higher learning rate, to learn how to end.",
    LABELLESS: "The same spelling of labels in task and data; a higher learning rate or more epochs.",
    EMPTY: "A look at the references: an empty one teaches silence; a lower learning rate.",
    TEMPLATED: "The chat template that the model was made with; references without its tokens.",
    ECHOED: "References that hold the answer alone; a lower learning rate.",
}


def _wanted(facts: Facts) -> Sequence[str]:
    return facts.asked.references or [""] * len(facts.replies)


def _fault(reply: Reply, *, facts: Facts, want: str) -> str:
    """What is wrong with one answer's form, or nothing; an item that did not fit the context has no answer."""
    if not reply.fits:
        return ""
    if any(token in reply.text and token not in want for token in TEMPLATE_TOKENS):
        return TEMPLATED
    if any(words in _folded(reply.text) and words not in _folded(want) for words in _own_words(facts.asked.template)):
        return ECHOED
    if not reply.text.strip() and want.strip():
        return EMPTY
    if not reply.finished:
        return UNFINISHED
    return LABELLESS if facts.asked.labels and reply.label is None else ""


def _own_words(template: str) -> list[str]:
    """Lines of the prompt that are the same for every item, and long enough not to be said by chance."""
    lines = [_folded(line) for line in template.splitlines() if "{" not in line]
    return [line for line in lines if len(line) >= INSTRUCTION]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
