"""Sandboxes on other machines: a client and a server of SandboxFusion's `POST /run_code`, each usable alone.

The server is a stateless worker around any other back end; the client is a back end like the others.
"""
