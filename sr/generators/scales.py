"""The enlargements of networks that go up by steps of two or three, one sub-pixel convolution each."""

from sr.errors import UserError

STEPS = {2: [2], 3: [3], 4: [2, 2], 8: [2, 2, 2]}


def steps_of(scale: int, network: str) -> list[int]:
    """The steps of an enlargement.

    Raises:
        UserError: another scale than 2, 3, 4 or 8.
    """
    if scale not in STEPS:
        raise UserError(f"{network} has no scale {scale}; choose one of {sorted(STEPS)}")
    return STEPS[scale]
