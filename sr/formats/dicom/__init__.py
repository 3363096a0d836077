"""DICOM."""

from .file import Dicom, is_dicom

__all__ = ["Dicom", "is_dicom"]
