"""Using what was trained: weights files, scores on whole images."""
