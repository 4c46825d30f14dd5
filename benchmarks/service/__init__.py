"""The service under load, under kills, and for hours."""
