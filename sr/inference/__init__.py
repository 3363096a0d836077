"""Enlarging: from a name to a network, and through it any image or file."""
