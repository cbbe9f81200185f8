"""Verifiers of games."""
