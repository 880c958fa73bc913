"""Bounded readers for files that may be hostile: nothing is loaded, imported or run, and no length is believed."""
