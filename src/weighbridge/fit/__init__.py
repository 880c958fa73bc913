"""Will it run, and how fast: weights, state and speed as functions of a config, a device and an ask. Pure."""
