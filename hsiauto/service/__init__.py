"""`hsiauto serve`: searches as processes behind an HTTP API, for people who share a machine."""
