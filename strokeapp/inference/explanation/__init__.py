"""Explain finding logits with Captum: one module per method, each with ``attribute(network, batch, finding)``."""
