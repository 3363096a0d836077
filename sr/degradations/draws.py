"""Random numbers of a sample: a function of the seed and of its number alone."""

import numpy as np

STREAM = 1  # crops draw from stream 0 of the same seed
CHOICE = 2  # which degradation a sample gets: independent of what that draws


def of_sample(seed: int, n: int, stream: int = STREAM) -> np.random.Generator:
    """The generator for sample `n`, at its beginning; the same on every machine and in every process."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, n, stream, 0]))
