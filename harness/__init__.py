"""Decide with evidence whether fine-tuning a language model beats prompting it."""

__version__ = "0.1.0"
