"""Read a whole study from its slices: pooling rules, attention and recurrent networks, compared on the same folds."""
