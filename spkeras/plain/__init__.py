"""Converted networks without Keras: read from their files, computed with NumPy, run by events.

Commands that only run a network do not wait for a backend. What this package does not know (other
operations, other files) is left to Keras.
"""
