"""The fork-server's own process: a small, single-threaded Python that prepares isolation once and forks a child a run.

Everything here runs apart from the process that asks for runs, imports the standard library alone and is never imported
together with anything heavy: what this process has in memory, every program could read.
"""
