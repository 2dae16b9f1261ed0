package uafile

// RecordBytes gives the bytes of the records that were read, by list.
func (f *File) RecordBytes() map[string][][]byte {
	all := map[string][][]byte{}
	for field, kept := range f.kept {
		all[field] = kept.raw
	}
	return all
}

// Parts gives what lies between the lengths of the file.
func (f *File) Parts() (namespaces, header, body []byte) {
	return f.namespaceList, f.header, f.body
}
