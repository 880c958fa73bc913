"""Sequential tests and intervals: plain arrays in, records out; no clock, no files, no randomness of its own."""
