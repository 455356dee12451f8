"""Read scans with a network: classify, abstain, explain."""

from strokeapp.inference.classify import read_scan
from strokeapp.inference.explain import METHODS, explain

__all__ = ["METHODS", "explain", "read_scan"]
