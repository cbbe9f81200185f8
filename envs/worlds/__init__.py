"""Worlds of `ToolWorld`: a database, tools, rules, and a user who wants something."""
