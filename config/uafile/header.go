package uafile

// skipHeader walks the fields of UABinaryFileDataType between Namespaces and
// Body (OPC 10000-5, 12.36).
func (d *decoder) skipHeader() {
	d.skipList("StructureDataTypes", 20, d.skipStructureDescription)
	d.skipList("EnumDataTypes", 13, d.skipEnumDescription)
	d.skipList("SimpleDataTypes", 11, d.skipSimpleTypeDescription)
	d.utf8("SchemaLocation")
	d.skipList("FileHeader", keyValuePairSize, d.skipKeyValuePair)
}

func (d *decoder) skipList(field string, minSize int, skip func()) {
	n := d.count(field, 0, minSize)
	for i := 0; i < n && d.err == nil; i++ {
		d.element(field, i)
		skip()
		d.leave()
	}
}

func (d *decoder) skipKeyValuePair() {
	d.skipQualifiedName("Key")
	d.enter("Value")
	d.skipVariant(0)
	d.leave()
}

func (d *decoder) skipDataTypeDescription() {
	d.skipNodeID("DataTypeId")
	d.skipQualifiedName("Name")
}

func (d *decoder) skipStructureDescription() {
	d.skipDataTypeDescription()
	d.enter("StructureDefinition")
	d.skipNodeID("DefaultEncodingId")
	d.skipNodeID("BaseDataType")
	d.take("StructureType", 4)
	d.skipList("Fields", 20, d.skipStructureField)
	d.leave()
}

func (d *decoder) skipStructureField() {
	d.utf8("Name")
	d.skipLocalizedText("Description")
	d.skipNodeID("DataType")
	d.take("ValueRank", 4)
	d.take("ArrayDimensions", 4*d.count("ArrayDimensions", 0, 4))
	d.take("MaxStringLength", 4)
	d.take("IsOptional", 1)
}

func (d *decoder) skipEnumDescription() {
	d.skipDataTypeDescription()
	d.enter("EnumDefinition")
	d.skipList("Fields", 14, d.skipEnumField)
	d.leave()
	d.take("BuiltInType", 1)
}

func (d *decoder) skipEnumField() {
	d.take("Value", 8)
	d.skipLocalizedText("DisplayName")
	d.skipLocalizedText("Description")
	d.utf8("Name")
}

func (d *decoder) skipSimpleTypeDescription() {
	d.skipDataTypeDescription()
	d.skipNodeID("BaseDataType")
	d.take("BuiltInType", 1)
}
