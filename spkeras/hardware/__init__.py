"""Emulations of hardware that runs spiking networks, bit for bit."""
