"""Structured output: answers in a format, judged by what they say."""
