"""Live lists of models and prices: fetched when somebody asks, held beside the shipped catalogue, never in it."""
