"""What a failing generator leaves in its images: another colour, and a pattern of the pixel shuffle's period."""

from torch import Tensor

from .mean import MeanOverImages


def colour_shift(sr: Tensor, hr: Tensor) -> Tensor:
    """|mean of sr - mean of hr|, of the channel where it is largest.

    Args:
        sr, hr: N C H W in [0, 1].

    Returns:
        N, in [0, 1]; 0.02 are five of 255 levels.
    """
    return (sr.float() - hr.float()).mean((2, 3)).abs().amax(1)


def checkerboard(sr: Tensor, hr: Tensor, lr: Tensor) -> Tensor:
    """Amplitude, in the error sr - hr, of what repeats itself with each pixel of lr.

    A pixel shuffle writes the s x s pixels that belong to one pixel of lr from channels of their own. Where these
    differ systematically, the error has energy at the frequencies k/s (Odena et al., "Deconvolution and Checkerboard
    Artifacts", Distill 2016). Its mean over the image, taken for each of the s x s places, is

        P(i, j) = mean over y, x of (sr - hr)(s y + i, s x + j),

    and the amplitude is the root mean square of P - mean(P), over places and channels.

    Args:
        sr, hr: N C sH sW in [0, 1].
        lr: N C H W.

    Returns:
        N, in [0, 1]; 0 where s is 1.
    """
    height, width = lr.shape[-2:]
    error = sr.float() - hr.float()
    period = error.shape[-1] // width
    error = error[..., : height * period, : width * period]
    places = error.unflatten(3, (width, period)).unflatten(2, (height, period)).mean((2, 4))  # N C s s
    return (places - places.mean((2, 3), keepdim=True)).square().mean((1, 2, 3)).sqrt()


class ColourShift(MeanOverImages):
    """Mean over images of `colour_shift`."""

    title = "colour shift (lower is better)"
    higher_is_better = False
    protocol = "largest |mean of SR - mean of HR| of a channel, in [0, 1]"

    def score(self, sr: Tensor, hr: Tensor) -> Tensor:  # type: ignore[override]
        return colour_shift(sr, hr)


class Checkerboard(MeanOverImages):
    """Mean over images of `checkerboard`."""

    title = "checkerboard (lower is better)"
    higher_is_better = False
    inputs = ("sr", "hr", "lr")
    protocol = "RMS amplitude of the part of SR - HR that repeats itself with each pixel of LR, in [0, 1]"

    def score(self, sr: Tensor, hr: Tensor, lr: Tensor) -> Tensor:  # type: ignore[override]
        return checkerboard(sr, hr, lr)
