"""Active learning: labels of the pool are asked for, counted, and trained on cycle by cycle. `recipe.py` says how."""
