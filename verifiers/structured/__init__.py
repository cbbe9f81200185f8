"""Verifiers of structured answers: a strict reading, then what the answer says."""
