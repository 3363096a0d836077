"""Data: images decoded once, crops drawn by number, whole images for validation."""
