"""lm-eval's tasks as tasks of ours: documents and prompts written to a folder, metrics asked for a score."""
