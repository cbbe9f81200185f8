"""Verifiers of mathematics beyond a final value."""
