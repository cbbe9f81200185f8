"""Verifiers of puzzles, by constraint and never against an oracle string."""
