"""Bit-true simulation of networks of whole numbers."""
