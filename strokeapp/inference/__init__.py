"""Read scans with a network: classify, calibrate, abstain, explain."""
