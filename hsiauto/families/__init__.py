"""The registry of architecture families: the union of their configs."""
