"""Turn the numbers of a verdict into the words of its sentences."""


def points(value: float) -> str:
    """A share as points: .125 is `12.5 points`."""
    return f"{100 * value:.1f} points"


def gap(effect: float, *, against: str) -> str:
    """How far fine-tuning is from somebody: `12.5 points fewer than few_shot`."""
    return f"{points(abs(effect))} {'more' if effect >= 0 else 'fewer'} than {against}"


def p_value(p: float) -> str:
    """A p-value with the digits that matter: `p = 0.0031`."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}" if p < 0.1 else f"p = {p:.2f}"
