"""Keep what must outlive a session in a SQLite database under the data folder: reader studies and their answers."""
