"""Headers that are damaged or incomplete in a detail: the rest is read and written, and the detail is told."""

from typing import Any

import numpy as np

from .header import PIXELS

# What an image cannot do without, or what must not be left out without a word: its pixels, what they are, which it is
NEEDED = (0x0002, 0x0028)  # groups
NEEDED_KEYWORDS = (*PIXELS, "SOPClassUID", "SOPInstanceUID", "SharedFunctionalGroupsSequence",
                   "PerFrameFunctionalGroupsSequence")  # fmt: skip
SPARED = ("SmallestImagePixelValue", "LargestImagePixelValue")  # of the second of these groups


def completed(dataset: Any) -> list[str]:
    """Say what an older file leaves out and what was taken for granted then; returns notes for the user."""
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        plain = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else plain
    if not any(keyword in dataset for keyword in PIXELS):
        return []
    taken: dict[str, Any] = {"SamplesPerPixel": 1}
    if dataset.get("SamplesPerPixel", 1) == 1:
        taken |= {"PhotometricInterpretation": "MONOCHROME2"}
    if "PixelData" in dataset and "BitsAllocated" in dataset:
        stored = dataset.get("BitsStored") or dataset.BitsAllocated
        taken |= {"BitsStored": stored, "HighBit": stored - 1, "PixelRepresentation": 0}
    missing = {keyword: value for keyword, value in taken.items() if dataset.get(keyword) is None}
    for keyword, value in missing.items():
        setattr(dataset, keyword, value)
    told = ", ".join(f"{keyword} ({value})" for keyword, value in missing.items())
    return [f"taken for granted, as the header does not say it: {told}"] if missing else []


def leave_out_damaged(dataset: Any) -> list[str]:
    """Delete elements that cannot be read or written and that can be spared; returns their names."""
    from pydicom.datadict import keyword_for_tag
    from pydicom.dataset import Dataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    left = []
    for tag in list(dataset.keys()):
        name = keyword_for_tag(tag) or str(tag)
        if (tag.group in NEEDED and name not in SPARED) or name in NEEDED_KEYWORDS:
            continue
        buffer, one = DicomBytesIO(), Dataset()
        buffer.is_little_endian, buffer.is_implicit_VR = True, False
        try:
            one.add(dataset[tag])
            if one[tag].VR in ("DS", "IS") and one[tag].VM:  # of which pydicom takes letters, too
                np.array(one[tag].value, float)
            write_dataset(buffer, one)
        except Exception:  # pydicom raises many kinds
            left.append(name)
            del dataset[tag]
    return left
