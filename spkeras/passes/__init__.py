"""Rewrites of a graph: each takes a graph and returns a new one."""
