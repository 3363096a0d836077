"""Weights: files without pickle, ours and those of others; the bundled ones."""
