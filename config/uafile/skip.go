package uafile

// What is carried through is still walked, so that its end is known and so that
// nothing malformed is passed on: a Variant, and the type descriptions of a file
// header.

// maxDepth bounds Variants, DataValues and DiagnosticInfos within each other.
const maxDepth = 32

// Built-in types (OPC 10000-6, 5.1.2) that need more than their size.
const (
	typeString          = 12
	typeNodeID          = 17
	typeExpandedNodeID  = 18
	typeQualifiedName   = 20
	typeLocalizedText   = 21
	typeExtensionObject = 22
	typeDataValue       = 23
	typeVariant         = 24
	typeDiagnosticInfo  = 25
	lastType            = 31 // 26 to 31 are reserved and read as ByteStrings (5.2.2.16)
)

// Bits of a Variant's encoding byte.
const (
	variantArray      = 0x80
	variantDimensions = 0x40
	variantType       = 0x3F
)

// fixedSize gives the size of a built-in type whose values all have the same
// size, else 0.
func fixedSize(builtIn byte) int {
	switch builtIn {
	case 1, 2, 3: // Boolean, SByte, Byte
		return 1
	case 4, 5: // Int16, UInt16
		return 2
	case 6, 7, 10, 19: // Int32, UInt32, Float, StatusCode
		return 4
	case 8, 9, 11, 13: // Int64, UInt64, Double, DateTime
		return 8
	case 14: // Guid
		return 16
	}
	return 0
}

// minSize gives the size of the shortest value of a built-in type.
func minSize(builtIn byte) int {
	switch builtIn {
	case typeNodeID, typeExpandedNodeID:
		return nodeIDSize
	case typeQualifiedName:
		return 6
	case typeExtensionObject:
		return 3
	case typeLocalizedText, typeDataValue, typeVariant, typeDiagnosticInfo:
		return 1
	}
	if n := fixedSize(builtIn); n > 0 {
		return n
	}
	return 4 // a String or ByteString
}

func (d *decoder) skipVariant(depth int) {
	start, mask := d.off, d.byte("")
	builtIn := mask & variantType
	array := mask&variantArray != 0
	switch {
	case d.err != nil || mask == 0:
		return
	case builtIn == 0 || builtIn > lastType,
		mask&variantDimensions != 0 && !array,
		builtIn == typeVariant && !array: // 5.2.2.16: not directly in another
		d.off = start
		d.fail("0x%02X is no encoding of a Variant", mask)
		return
	case depth >= maxDepth:
		d.off = start
		d.fail("nested deeper than %d", maxDepth)
		return
	case !array:
		d.skipValue(builtIn, depth)
		return
	}
	n := d.count("", 0, minSize(builtIn))
	if size := fixedSize(builtIn); size > 0 {
		d.take("", n*size)
	} else {
		d.skipElements(builtIn, n, depth)
	}
	if mask&variantDimensions != 0 {
		d.skipDimensions(n)
	}
}

func (d *decoder) skipElements(builtIn byte, n, depth int) {
	for i := 0; i < n && d.err == nil; i++ {
		d.skipValue(builtIn, depth)
	}
}

// skipDimensions checks that the dimensions multiply to the array's length.
func (d *decoder) skipDimensions(length int) {
	start, product := d.off, int64(1)
	n := d.count("", 0, 4)
	for range n {
		var v int32
		d.int32("", &v)
		if product *= int64(v); v < 0 || product > int64(length) {
			product = -1
			break
		}
	}
	if d.err == nil && (n == 0 || product != int64(length)) {
		d.off = start
		d.fail("the dimensions do not match the array's length %d", length)
	}
}

func (d *decoder) skipValue(builtIn byte, depth int) {
	switch builtIn {
	case typeString:
		d.utf8("")
	case typeNodeID:
		d.skipNodeID("")
	case typeExpandedNodeID:
		d.skipExpandedNodeID()
	case typeQualifiedName:
		d.skipQualifiedName("")
	case typeLocalizedText:
		d.skipLocalizedText("")
	case typeExtensionObject:
		d.skipExtensionObject()
	case typeDataValue:
		d.skipDataValue(depth)
	case typeVariant:
		d.skipVariant(depth + 1)
	case typeDiagnosticInfo:
		d.skipDiagnosticInfo(depth)
	default:
		if size := fixedSize(builtIn); size > 0 {
			d.take("", size)
			return
		}
		d.opaque("") // ByteString, XmlElement and the reserved types
	}
}

func (d *decoder) skipExpandedNodeID() {
	form := d.byte("")
	d.skipIdentifier("", form&^(flagNamespaceURI|flagServerIndex))
	if form&flagNamespaceURI != 0 {
		d.utf8("")
	}
	if form&flagServerIndex != 0 {
		d.take("", 4)
	}
}

func (d *decoder) skipNodeID(field string) { d.skipIdentifier(field, d.byte(field)) }

func (d *decoder) skipIdentifier(field string, form byte) {
	index, _ := d.identifier(field, form)
	d.carriedIndex = max(d.carriedIndex, int(index))
}

func (d *decoder) skipQualifiedName(field string) {
	var index uint16
	d.uint16(field, &index)
	d.carriedIndex = max(d.carriedIndex, int(index))
	d.utf8(field)
}

func (d *decoder) skipLocalizedText(field string) {
	mask := d.byte(field)
	if mask&^0x03 != 0 {
		d.failAt(field, "unknown encoding mask 0x%02X of a LocalizedText", mask)
	}
	if mask&0x01 != 0 {
		d.utf8(field)
	}
	if mask&0x02 != 0 {
		d.utf8(field)
	}
}

// skipExtensionObject does not look into a body: its length is all that counts
// (5.2.2.15).
func (d *decoder) skipExtensionObject() {
	d.skipNodeID("")
	switch encoding := d.byte(""); encoding {
	case 0:
	case 1, 2:
		d.opaque("")
	default:
		d.fail("0x%02X is no encoding of an ExtensionObject", encoding)
	}
}

// skipDataValue follows 5.2.2.17.
func (d *decoder) skipDataValue(depth int) {
	mask := d.byte("")
	if mask&^0x3F != 0 {
		d.fail("unknown encoding mask 0x%02X of a DataValue", mask)
		return
	}
	if mask&0x01 != 0 {
		d.skipVariant(depth + 1)
	}
	size := 0
	// status, source time, server time, source and server picoseconds
	for i, n := range [...]int{4, 8, 8, 2, 2} {
		if mask&(0x02<<i) != 0 {
			size += n
		}
	}
	d.take("", size)
}

// skipDiagnosticInfo follows 5.2.2.12.
func (d *decoder) skipDiagnosticInfo(depth int) {
	for ; d.err == nil; depth++ {
		mask := d.byte("")
		if mask&0x80 != 0 {
			d.fail("unknown encoding mask 0x%02X of a DiagnosticInfo", mask)
		}
		if depth >= maxDepth {
			d.fail("nested deeper than %d", maxDepth)
		}
		for bit := byte(0x01); bit <= 0x08; bit <<= 1 {
			if mask&bit != 0 {
				d.take("", 4)
			}
		}
		if mask&0x10 != 0 {
			d.utf8("")
		}
		if mask&0x20 != 0 {
			d.take("", 4)
		}
		if mask&0x40 == 0 {
			return
		}
	}
}
