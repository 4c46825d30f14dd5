"""Which configs a new search tries after the presets: those that did best over recorded runs."""
