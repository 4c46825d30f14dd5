"""A search as a scikit-learn classifier: of a scene with its label map, or of loose spectra."""
