"""Names of models as people and providers write them, taken apart: text, wrappers, suffixes, keys."""
