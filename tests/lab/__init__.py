"""A lab of simulated Windows members on loopback that real WinRM and PSRP clients talk to.

Started as ``python -m lab --scenario edge-pool`` (with ``PYTHONPATH=tests``). Nothing here imports
the collection's plugins: the lab and the product must be able to disagree.
"""
