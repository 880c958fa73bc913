"""Ratings from pairwise votes: Bradley-Terry, with intervals that know who voted."""

from .rate import Rated, Rating, rate
from .votes import Votes

__all__ = ["Rated", "Rating", "Votes", "rate"]
