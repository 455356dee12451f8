"""Flag what makes a head scan harder to read than the training scans: one check per file."""
