"""The append-only record of every call, and the only database."""
