"""Network definitions, and weight files with their cards and hashes."""
