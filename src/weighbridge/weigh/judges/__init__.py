"""Models that judge answers: asked through the one door, probed, held against each other and against people."""
