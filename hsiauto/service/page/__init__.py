"""The page: HTML of the service's own, for people."""
