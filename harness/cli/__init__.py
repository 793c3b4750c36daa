"""Turn argv into calls: the only place that prints or exits."""
