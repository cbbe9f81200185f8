"""Containers of a real Docker engine: a warm pool, each container used for one program and then destroyed."""
