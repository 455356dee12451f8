"""Measure the reading of scans beside other readers, in one run on the same generated files."""
