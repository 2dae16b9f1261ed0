package push

import (
	"context"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
)

// GetCertificates returns the leaf certificates of the filled slots of a group
// (OPC 10000-12, 7.10.8).
func (s *Session) GetCertificates(ctx context.Context, name string) (map[config.NodeID][]byte, error) {
	g, err := s.group(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := s.needs(pathGetCertificates); err != nil {
		return nil, err
	}
	r, err := s.do(ctx, s.app.call(pathGetCertificates, g.id))
	if err != nil {
		return nil, err
	}
	o := workflow.GroupObservation{Certificates: map[config.NodeID][]byte{}}
	if err := s.certificatesOf(r, &o); err != nil {
		return nil, err
	}
	return o.Certificates, nil
}

// CreateSelfSignedCertificate fills an empty slot with a certificate that the
// server makes (7.10.6), and returns it.
func (s *Session) CreateSelfSignedCertificate(ctx context.Context, r workflow.SelfSignedRequest) ([]byte, error) {
	g, slot, err := s.slot(ctx, r.Group, r.Type)
	if err != nil {
		return nil, err
	}
	if err := s.needs(pathCreateSelfSigned); err != nil {
		return nil, err
	}
	done, err := s.change(ctx, s.app.call(pathCreateSelfSigned, g.id, slot, r.Subject,
		append([]string{}, r.DNSNames...), append([]string{}, r.IPAddresses...), r.LifetimeInDays, r.KeySizeInBits))
	if err != nil {
		return nil, err
	}
	der, ok := output[[]byte](done, 0)
	if !ok || len(der) == 0 {
		return nil, done.unclear("it has no Certificate")
	}
	return der, nil
}

// DeleteCertificate empties a slot (7.10.7).
func (s *Session) DeleteCertificate(ctx context.Context, name string, typ config.NodeID) error {
	g, slot, err := s.slot(ctx, name, typ)
	if err != nil {
		return err
	}
	if err := s.needs(pathDeleteCertificate); err != nil {
		return err
	}
	_, err = s.change(ctx, s.app.call(pathDeleteCertificate, g.id, slot))
	return err
}

// needs refuses what an application does not have.
func (s *Session) needs(member string) error {
	if s.app.members[member] == nil {
		return &MissingFeatureError{Feature: member}
	}
	return nil
}
