"""All attributes of PS3.3 whose unit is a pixel of the image, or that say where it lies; by how they change.

Found by reading the descriptions of all modules and macros of image objects (of 2008, and of the 2020s) for pixels,
rows, columns and coordinates; the number of the section stands beside each. What is left out on purpose, as it counts
detector elements, millimetres or pixels of other images, is listed with its reason in
`tests/formats/dicom/unscaled.py`.

The letters name the axes of the values in turn, again and again: D is counted down, A across.
"""

# Distances between the centres of pixels, in millimetres or another unit: divided. The first found is `File.spacing`.
SPACING = {
    "PixelSpacing": "DA",                      # 10.7.1.1; C.7.6.16.2.1 in functional groups
    "ImagerPixelSpacing": "DA",                # C.8.7.3; C.8.19.6.4 in functional groups
    "NominalScannedPixelSpacing": "DA",        # C.8.6.1
    "ImagePlanePixelSpacing": "DA",            # C.8.8.2, of radiotherapy
    "ObjectPixelSpacingInCenterOfBeam": "DA",  # C.8.19.6.9
    "ALinePixelSpacing": "A",                  # C.8.27.4, of intravascular OCT
    "PhysicalDeltaX": "A", "PhysicalDeltaY": "D",  # C.8.5.5, of ultrasound: also seconds and centimetres a second
}  # fmt: skip

# Positions of pixels, counted from 1 at the centre of the first
PIXEL = {
    # C.7.6.11, C.7.6.16.2.16
    "ShutterLeftVerticalEdge": "A", "ShutterRightVerticalEdge": "A",
    "ShutterUpperHorizontalEdge": "D", "ShutterLowerHorizontalEdge": "D",
    "CenterOfCircularShutter": "DA", "VerticesOfThePolygonalShutter": "DA",
    # C.8.7.3.1.1, C.8.19.6.12.1
    "CollimatorLeftVerticalEdge": "A", "CollimatorRightVerticalEdge": "A",
    "CollimatorUpperHorizontalEdge": "D", "CollimatorLowerHorizontalEdge": "D",
    "CenterOfCircularCollimator": "DA", "VerticesOfThePolygonalCollimator": "DA",
    # C.8.19.6.3.1
    "ExposureControlSensingRegionLeftVerticalEdge": "A", "ExposureControlSensingRegionRightVerticalEdge": "A",
    "ExposureControlSensingRegionUpperHorizontalEdge": "D", "ExposureControlSensingRegionLowerHorizontalEdge": "D",
    "CenterOfCircularExposureControlSensingRegion": "DA", "VerticesOfThePolygonalExposureControlSensingRegion": "DA",
    "VerticesOfTheRegion": "DA",  # C.7.6.10: of mask shifts
}  # fmt: skip

# The same, counted from 0
INDEX = {"SeamLineIndex": "D"}  # C.8.27.6.3

# Positions counted from 0 at the outer corner of the first pixel
OFFSET = {
    "LocalizingCursorPosition": "AD",  # C.8.11.7, of mammography
    "AnatomicStructureReferencePoint": "AD",  # C.8.17.14
    "OphthalmicAnatomicReferencePointXCoordinate": "A", "OphthalmicAnatomicReferencePointYCoordinate": "D",  # C.8.17.5
    "CornealVertexLocation": "AD", "MaximumCornealCurvatureLocation": "AD", "VerticesOfTheOutlineOfPupil": "AD",
    "SubjectLocation": "AD", "SubjectArea": "AD",  # C.8.12.11, of photographs: as in Exif
}  # fmt: skip

# Lengths in pixels: multiplied
LENGTH = {
    "RadiusOfCircularShutter": "D", "RadiusOfCircularCollimator": "D",
    "RadiusOfCircularExposureControlSensingRegion": "D",
    "MaskSubPixelShift": "DA",  # C.7.6.10.1.2, C.7.6.16.2.14
    "OCTZOffsetCorrection": "A", "NumberOfPaddedALines": "D",  # C.8.27.6.3
}  # fmt: skip

# C.8.5.5.1, of ultrasound: bounds counted from 0, and the reference pixel counted from the bound
REGION = {
    "RegionLocationMinX0": "A", "RegionLocationMinY0": "D", "RegionLocationMaxX1": "A", "RegionLocationMaxY1": "D",
    "ReferencePixelX0": "A", "ReferencePixelY0": "D",
}  # fmt: skip

# The same, counted from the reference pixel
FROM_REFERENCE = {
    "DopplerSampleVolumeXPosition": "A", "DopplerSampleVolumeYPosition": "D",
    "TMLinePositionX0": "A", "TMLinePositionY0": "D", "TMLinePositionX1": "A", "TMLinePositionY1": "D",
    "DopplerSampleVolumeXPositionRetired": "A", "DopplerSampleVolumeYPositionRetired": "D",
    "TMLinePositionX0Retired": "A", "TMLinePositionY0Retired": "D",
    "TMLinePositionX1Retired": "A", "TMLinePositionY1Retired": "D",
}  # fmt: skip

# Where the centre of the first pixel lies: moved towards the corner. The orientation, and where it may be left out what
# it is then; along a row, down a column.
POSITION: dict[str, tuple[str, tuple[float, ...] | None]] = {
    "ImagePositionPatient": ("ImageOrientationPatient", None),  # C.7.6.2; C.8.4.11 of each detector; C.7.6.16.2.3
    "ImagePositionVolume": ("ImageOrientationVolume", None),  # C.8.24.6, of ultrasound volumes
    "RTImagePosition": ("RTImageOrientation", (1, 0, 0, 0, -1, 0)),  # C.8.8.2.7
    "ImagePosition": ("ImageOrientation", None),  # ACR-NEMA, retired
}

# Floats in fives: column and row from 0 at the corner, then X Y Z in the eye (C.8.17.12.1.2)
MAP = "TwoDimensionalToThreeDimensionalMapData"

# Sequences whose items say more of these pixels; items of all others describe other images, or none.
OF_THIS_IMAGE = (
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PixelMeasuresSequence",
    "PlanePositionSequence", "PlaneOrientationSequence", "PlanePositionVolumeSequence",
    "PlaneOrientationVolumeSequence", "FramePixelDataPropertiesSequence", "ProjectionPixelCalibrationSequence",
    "FrameDisplayShutterSequence", "CollimatorShapeSequence", "ExposureControlSensingRegionsSequence",
    "FramePixelShiftSequence", "MaskSubtractionSequence", "PixelShiftSequence", "RegionPixelShiftSequence",
    "DetectorInformationSequence", "SequenceOfUltrasoundRegions", "BiopsyTargetSequence",
    "TwoDimensionalToThreeDimensionalMapSequence", "MaximumCornealCurvatureSequence",
    "IntravascularOCTFrameContentSequence",
)  # fmt: skip
