"""Results that others recorded, read as they stand: what a verdict can be had from without asking any model."""
