package push

import (
	"context"
	"errors"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow"
)

// ReadTrustList is OpenWithMasks, Read and Close (OPC 10000-12, 7.8.2.3). Some
// servers ignore the mask and return everything.
func (s *Session) ReadTrustList(ctx context.Context, name string, masks workflow.TrustListMask) (workflow.TrustList, error) {
	g, err := s.group(ctx, name)
	if err != nil {
		return workflow.TrustList{}, err
	}
	if g.members[pathList] == nil {
		return workflow.TrustList{}, &MissingFeatureError{Feature: "TrustList of " + name}
	}
	if s.readSize == 0 {
		s.readSize = bytesPerRoundTrip
	}
	for {
		list, err := s.readList(ctx, g, masks)
		if errors.Is(err, ua.StatusBadResponseTooLarge) && s.readSize > smallestPiece {
			s.readSize /= 16 // as in Observe
			continue
		}
		return list, err
	}
}

func (s *Session) readList(ctx context.Context, g *group, masks workflow.TrustListMask) (workflow.TrustList, error) {
	f := g.listFile()
	open := g.call(pathListOpenWithMasks, uint32(masks))
	if masks == workflow.AllLists || g.members[pathListOpenWithMasks] == nil {
		open = g.call(pathListOpen, openRead)
	}
	opened, err := s.do(ctx, open)
	if err != nil {
		return workflow.TrustList{}, err
	}
	if err := takeHandles([]*file{f}, []result{opened}); err != nil {
		return workflow.TrustList{}, err
	}
	if err := s.readFiles(ctx, []*file{f}); err != nil {
		s.discard(ctx, g.call(pathListClose, f.handle))
		return workflow.TrustList{}, err
	}
	list, err := decodeTrustList(f.data)
	if err != nil {
		s.discard(ctx, g.call(pathListClose, f.handle))
		return workflow.TrustList{}, &MalformedError{What: f.what, Err: err}
	}
	return list, s.closeFiles(ctx, []*file{f})
}

// AddCertificate adds to the trusted certificates (7.8.2.6). IsTrustedCertificate
// is always TRUE: issuers cannot be added this way, as they need a CRL.
func (s *Session) AddCertificate(ctx context.Context, name string, der []byte) error {
	g, err := s.listWith(ctx, name, pathListAdd)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, g.call(pathListAdd, der, true))
	return err
}

// RemoveCertificate removes a certificate by its thumbprint, SHA-1 in hex (7.8.2.7).
func (s *Session) RemoveCertificate(ctx context.Context, name, thumbprint string, trusted bool) error {
	g, err := s.listWith(ctx, name, pathListRemove)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, g.call(pathListRemove, strings.ToUpper(thumbprint), trusted))
	return err
}

// listWith finds a group whose TrustList has a method, which before NodeSet
// 1.05.02 was optional.
func (s *Session) listWith(ctx context.Context, name, method string) (*group, error) {
	g, err := s.group(ctx, name)
	if err != nil {
		return nil, err
	}
	if g.members[method] == nil {
		return nil, &MissingFeatureError{Feature: strings.ReplaceAll(method, "/", ".") + " in " + name}
	}
	return g, nil
}
