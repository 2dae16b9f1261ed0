package uafile

import (
	"time"

	"github.com/uapush/uapush/config"
)

// codec moves the fields of a structure between a Go value and the wire. The
// decoder and the encoder both implement it, so that the order of the fields is
// written down once, in structures.go.
//
// The first failure sticks: later calls do nothing, and failed reports it.
type codec interface {
	boolean(field string, v *bool)
	uint16(field string, v *uint16)
	uint32(field string, v *uint32)
	int32(field string, v *int32)
	dateTime(field string, v *time.Time)
	text(field string, v *string)
	bytes(field string, v *[]byte)
	nodeID(field string, v *config.NodeID)
	qualifiedName(field string, namespace, name *string)
	localizedText(field string, v *config.LocalizedText)
	variant(field string, v *[]byte)

	// count moves the length of an array whose elements take at least minSize
	// bytes each. have is the length when encoding; the result is the length
	// on the wire.
	count(field string, have, minSize int) int
	// record moves a record, records an array of them. The bytes of a record
	// that did not change are written as they were read.
	record(field string, move func(codec))
	records(field string, have, minSize int, move func(c codec, i int))

	enter(field string)
	element(field string, i int)
	leave()
	failed() bool
	layout() Layout
}

// list moves an array of plain values or structures.
func list[T any](c codec, field string, items *[]T, minSize int, move func(codec, *T)) {
	n := c.count(field, len(*items), minSize)
	if n > len(*items) {
		*items = make([]T, 0, n) // decoding; n fits into what is left
	}
	for i := 0; i < n && !c.failed(); i++ {
		c.element(field, i)
		move(c, at(items, i))
		c.leave()
	}
}

// recordList moves an array of records.
func recordList[T any](c codec, field string, items *[]T, minSize int, move func(codec, *T)) {
	c.records(field, len(*items), minSize, func(c codec, i int) { move(c, at(items, i)) })
}

// at gives element i, which a decoder is about to append.
func at[T any](items *[]T, i int) *T {
	if i == len(*items) {
		var zero T
		*items = append(*items, zero)
	}
	return &(*items)[i]
}

// The two below do not write to *v when encoding, since it may be shared.

func unsigned[U ~uint32](c codec, field string, v *U) {
	n := uint32(*v)
	c.uint32(field, &n)
	if n != uint32(*v) {
		*v = U(n)
	}
}

func enumeration[E ~int32](c codec, field string, v *E) {
	n := int32(*v)
	c.int32(field, &n)
	if n != int32(*v) {
		*v = E(n)
	}
}

func texts(c codec, field string, items *[]string) {
	list(c, field, items, 4, func(c codec, s *string) { c.text("", s) })
}

func byteStrings(c codec, field string, items *[][]byte) {
	list(c, field, items, 4, func(c codec, b *[]byte) { c.bytes("", b) })
}
