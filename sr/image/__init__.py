"""Pure functions of images: colour, resizing, ranges of values."""
