"""Measurements, not tests: what something costs on the machine it is run on."""
