"""Weights: files without pickle, and those that come along."""
