"""Tests of the lab itself: that real clients take it for Windows hosts."""
