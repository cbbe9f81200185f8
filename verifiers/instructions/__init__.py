"""Constraints on responses that a program can check."""
