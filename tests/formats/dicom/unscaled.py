"""Names that sound like pixels or places and whose values stay as they are, by the reason (PS3.3)."""

STAYS = {
    "values of pixels, not places": """
        PixelRepresentation PixelPaddingValue PixelPaddingRangeLimit FloatPixelPaddingValue
        FloatPixelPaddingRangeLimit DoubleFloatPixelPaddingValue DoubleFloatPixelPaddingRangeLimit
        PixelIntensityRelationshipSign SmallestPixelValueInSeries LargestPixelValueInSeries
        PixelComponentOrganization PixelComponentMask PixelComponentRangeStart PixelComponentRangeStop
        PixelComponentPhysicalUnits PixelComponentDataType TableOfPixelValues ZeroVelocityPixelValue
        MappedPixelValue PixelValueMappingCodeSequence PixelValueMappingToCodedConceptSequence
        PixelValueTransformationSequence PixelIntensityRelationshipLUTSequence PixelBandwidth SamplesPerPixel
        SamplesPerPixelUsed RecommendedAbsentPixelCIELabValue""",
    "written anew with the pixels": """
        Rows Columns SmallestImagePixelValue LargestImagePixelValue PixelData PixelAspectRatio
        ReferencePixelPhysicalValueX ReferencePixelPhysicalValueY""",
    "other pixels, which are refused": """
        FloatPixelData DoubleFloatPixelData TotalPixelMatrixColumns TotalPixelMatrixRows
        TotalPixelMatrixOriginSequence TotalPixelMatrixFocalPlanes ColumnPositionInTotalImagePixelMatrix
        RowPositionInTotalImagePixelMatrix DataPointRows DataPointColumns""",
    "elements of the detector, or its size": """
        DetectorElementSpacing DetectorActiveOrigin FieldOfViewOrigin PixelDataAreaOriginRelativeToFOV
        PixelDataAreaRotationAngleRelativeToFOV""",
    "of the acquisition and its reconstruction": """
        AcquisitionMatrix ReconstructionPixelSpacing SpectroscopyAcquisitionPhaseRows
        SpectroscopyAcquisitionDataColumns SpectroscopyAcquisitionPhaseColumns ColorFilterArrayPatternRows
        ColorFilterArrayPatternColumns ALinesPerFrame ALineRate""",
    "tables of the camera": "OECFRows OECFColumns SpatialFrequencyResponseRows SpatialFrequencyResponseColumns",
    "millimetres or degrees, of what lies in the image or around it": """
        SpacingBetweenSlices TagSpacingFirstDimension TagSpacingSecondDimension ColumnAngulation
        ColumnAngulationPatient OutlineLeftVerticalEdge OutlineRightVerticalEdge OutlineUpperHorizontalEdge
        OutlineLowerHorizontalEdge CenterOfCircularOutline VerticesOfThePolygonalOutline NumberOfPolygonalVertices
        VertexDistance RadiusOfCurvature CornealPointLocation XOffsetInSlideCoordinateSystem
        YOffsetInSlideCoordinateSystem FirstALineLocation SeamLineLocation ZOffsetInSlideCoordinateSystem
        CenterOfRotationOffset XCoordinatesCenterPixelViewAngle YCoordinatesCenterPixelViewAngle SliceLocation
        SliceLocationVector""",
    "directions, which stay": """
        ImageOrientationPatient ImageOrientationVolume ImageOrientationSlide RTImageOrientation""",
    "sequences that are entered": """
        PixelMeasuresSequence ProjectionPixelCalibrationSequence FramePixelShiftSequence PixelShiftSequence
        RegionPixelShiftSequence FramePixelDataPropertiesSequence""",
    "frames": "PixelShiftFrameRange FrameOriginTimestamp",
    "along the third axis": "SurfaceMeshZPixelOffset",
    "numbers of a group": "ShutterOverlayGroup ActiveImageAreaOverlayGroup",
    "points of another image": "RegisteredLocalizerTopLeftHandCorner RegisteredLocalizerBottomRightHandCorner",
    "of objects without pixels of their own: presentations, prints, plans, meshes, tables of reports": """
        CenterOfRotation LongEdgePointIndexList LongVertexPointIndexList BoundingBoxTopLeftHandCorner
        BoundingBoxBottomRightHandCorner DisplayedAreaTopLeftHandCorner DisplayedAreaBottomRightHandCorner
        PresentationPixelSpacing PresentationPixelAspectRatio PresentationPixelMagnificationRatio
        MPRTopLeftHandCorner NumberOfVerticalPixels NumberOfHorizontalPixels PrinterPixelSpacing ThreeDPlaneOrigin
        CompensatorRows CompensatorColumns CompensatorPixelSpacing CompensatorColumnOffset
        SourcePixelPlanesCharacteristicsSequence StereoHorizontalPixelOffset StereoVerticalPixelOffset
        NumberOfTableRows NumberOfTableColumns TableRowNumber TableColumnNumber TableRowDefinitionSequence
        TableColumnDefinitionSequence CenterOfMass CenterOfPTO BlockEdgeData BlockEdgeDataSequence
        WedgeThinEdgePosition RadiationBeamWedgeThinEdgeDistance BadPixelImage WedgeOriginOffsetX""",
}  # fmt: skip
