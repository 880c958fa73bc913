"""From a need to a ranking with reasons: scores, terms, memory, speed and cost, joined. Pure; data are arguments."""
