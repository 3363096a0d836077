"""What holds for the pixels of the source alone: left out of the enlarged image, and told."""

from typing import Any

from .header import names_in, places

# Keyword, and what it is; PS3.3
OUTDATED = {
    "DigitalSignaturesSequence": "digital signatures",  # C.12.1.1.3: of elements that have changed
    "MACParametersSequence": "digital signatures",
    "HistogramSequence": "histograms",  # C.11.5: counts of pixels
    "ExtendedOffsetTable": "",  # C.7.6.3: where compressed frames begin; there are none
    "ExtendedOffsetTableLengths": "",
    "EncapsulatedPixelDataValueTotalLength": "",
}


def leave_out(dataset: Any) -> list[str]:
    """Delete what no longer holds; returns notes for the user."""
    left = set()
    for place in places(dataset):
        for keyword in OUTDATED.keys() & names_in(place):
            left.add(OUTDATED[keyword])
            del place[keyword]
    for tag in [tag for tag in dataset.keys() if 0x5000 <= tag.group <= 0x501E]:  # noqa: SIM118
        left.add("curves")  # retired; their points may count pixels
        del dataset[tag]
    return [f"{what} of the source are left out: they hold for its pixels" for what in sorted(left - {""})]
