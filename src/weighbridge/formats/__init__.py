"""Bounded readers for files that may be hostile or wrong: nothing is loaded, imported or run, no length is believed,
and every mistake in a text that people write is named with its line."""
