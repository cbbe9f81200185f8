"""Logic puzzles and small searches, each checked by its constraints."""
