"""DICOM: one frame or many, in stored values; its place in the patient is kept."""

from .file import Dicom
from .naming import is_dicom

__all__ = ["Dicom", "is_dicom"]
