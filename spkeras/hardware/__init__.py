"""Bit-exact emulations of hardware that runs spiking networks."""
