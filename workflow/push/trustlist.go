package push

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/uapush/uapush/workflow"
)

// A TrustList is read and written as the bare structure TrustListDataType (OPC
// 10000-12, 7.8.2.1, 7.8.2.8): a UInt32 mask and four arrays of ByteStrings.
// Lengths are Int32; -1 is null, which means the same as empty.

const trustListArrays = 4

// maximumMembers bounds the members of one array, before memory is taken for them.
const maximumMembers = 1 << 16

// encodeTrustList gives lists that are not meant as empty arrays.
func encodeTrustList(l workflow.TrustList) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(l.Lists))
	for _, members := range [trustListArrays][][]byte{l.TrustedCertificates, l.TrustedCRLs, l.IssuerCertificates, l.IssuerCRLs} {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(members)))
		for _, m := range members {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(m)))
			b = append(b, m...)
		}
	}
	return b
}

// decodeTrustList reads a whole stream; what follows the structure is ignored,
// as a server may not have truncated its file.
func decodeTrustList(stream []byte) (workflow.TrustList, error) {
	l, complete, err := scanTrustList(stream)
	if err == nil && !complete {
		err = fmt.Errorf("it ends after %d bytes, before its end", len(stream))
	}
	if err != nil {
		return workflow.TrustList{}, err
	}
	return l, nil
}

// trustListComplete says whether a stream read so far has all of the structure.
func trustListComplete(stream []byte) (bool, error) {
	_, complete, err := scanTrustList(stream)
	return complete, err
}

// scanTrustList reads as far as the stream goes. The members are parts of it.
func scanTrustList(stream []byte) (l workflow.TrustList, complete bool, err error) {
	mask, rest, ok := cutUint32(stream)
	if !ok {
		return l, false, nil
	}
	l.Lists = workflow.TrustListMask(mask)
	for _, to := range [trustListArrays]*[][]byte{&l.TrustedCertificates, &l.TrustedCRLs, &l.IssuerCertificates, &l.IssuerCRLs} {
		*to, rest, ok, err = scanMembers(rest)
		if !ok || err != nil {
			return l, false, err
		}
	}
	return l, true, nil
}

func scanMembers(b []byte) (members [][]byte, rest []byte, ok bool, err error) {
	n, rest, ok := cutUint32(b)
	if !ok {
		return nil, nil, false, nil
	}
	count := int32(n)
	if count < -1 || count > maximumMembers {
		return nil, nil, false, fmt.Errorf("a list claims %d members", count)
	}
	for range max(count, 0) {
		var size uint32
		if size, rest, ok = cutUint32(rest); !ok {
			return members, nil, false, nil
		}
		length := int32(size)
		switch {
		case length < -1 || length > maximumContent:
			return nil, nil, false, fmt.Errorf("a member claims %d bytes", length)
		case int(length) > len(rest):
			return members, nil, false, nil
		}
		length = max(length, 0)
		members = append(members, rest[:length:length])
		rest = rest[length:]
	}
	return members, rest, true, nil
}

func cutUint32(b []byte) (n uint32, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, false
	}
	return binary.LittleEndian.Uint32(b), b[4:], true
}

// WriteTrustList is Open(0x06), Write and CloseAndUpdate (OPC 10000-12, 7.7.3).
// A list larger than MaxTrustListSize is refused before anything is opened.
func (s *Session) WriteTrustList(ctx context.Context, name string, list workflow.TrustList) (bool, error) {
	data := encodeTrustList(list)
	g, err := s.group(ctx, name)
	if err != nil {
		return false, err
	}
	limit := maximumContent
	if m := s.maxTrustListSize(); m > 0 && m < maximumContent {
		limit = int(m)
	}
	if len(data) > limit {
		return false, &SizeError{What: "the trust list for " + name, Size: len(data), Limit: limit}
	}
	if g.members[pathList] == nil {
		return false, &MissingFeatureError{Feature: "TrustList of " + name}
	}
	opened, err := s.do(ctx, g.call(pathListOpen, openWriteAndErase))
	if err != nil {
		return false, err
	}
	handle, err := handleOf(opened)
	if err != nil {
		return false, err
	}
	if err := s.writeFile(ctx, &g.object, pathListWrite, handle, data, g.maxBytes); err != nil {
		s.discard(ctx, g.call(pathListClose, handle))
		return false, err
	}
	r, err := s.change(ctx, g.call(pathListCloseAndUpdate, handle))
	if err != nil {
		s.discardUnlessLost(ctx, g.call(pathListClose, handle), err)
		return false, err
	}
	return updateRequired(r), nil
}
