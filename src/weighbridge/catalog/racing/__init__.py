"""Who leads: running bests, lags with intervals, and a leaderboard by kind of work."""
