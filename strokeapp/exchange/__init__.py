"""Hand readings to other programs."""
