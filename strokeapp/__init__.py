"""Read head CT and MRI for stroke: open, view, classify, explain.

Research and demonstration software, not a medical device.
"""

__version__ = "0.9.0"
