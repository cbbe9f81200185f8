"""Instruction following: responses that keep to constraints which a program can check."""
