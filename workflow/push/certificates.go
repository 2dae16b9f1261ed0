package push

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
)

// keyMaking is what a small device may need for an RSA key; S2OPC needed more than
// ten seconds on a busy machine.
const keyMaking = time.Minute

// CreateSigningRequest returns a PKCS#10 request, DER (OPC 10000-12, 7.10.10).
// The group is always named by its own NodeId: several servers refuse the null
// one that stands for DefaultApplicationGroup.
func (s *Session) CreateSigningRequest(ctx context.Context, r workflow.SigningRequest) ([]byte, error) {
	g, slot, err := s.slot(ctx, r.Group, r.Type)
	if err != nil {
		return nil, err
	}
	if r.RegenerateKey {
		ctx = patient(ctx, keyMaking)
	}
	done, err := s.do(ctx, s.app.call(pathCreateSigningRequest, g.id, slot, r.Subject, r.RegenerateKey, r.Nonce))
	var gone *ConnectError
	switch {
	case errors.As(err, &gone) && !r.RegenerateKey:
		return nil, &OldKeyRequestError{Err: err}
	case err != nil:
		return nil, err
	}
	request, ok := output[[]byte](done, 0)
	if !ok || len(request) == 0 {
		return nil, done.malformed("it has no CertificateRequest")
	}
	return request, nil
}

// UpdateCertificate returns ApplyChangesRequired (7.10.5). Without a PrivateKey
// the key is the one that the server holds.
func (s *Session) UpdateCertificate(ctx context.Context, u workflow.CertificateUpdate) (bool, error) {
	g, slot, err := s.slot(ctx, u.Group, u.Type)
	if err != nil {
		return false, err
	}
	issuers := slices.Clone(u.Issuers)
	if issuers == nil {
		issuers = [][]byte{}
	}
	r, err := s.change(ctx, s.app.call(pathUpdateCertificate, g.id, slot, u.Certificate, issuers, u.PrivateKeyFormat, u.PrivateKey))
	if err != nil {
		return false, err
	}
	return updateRequired(r), nil
}

// slot is where a certificate of a type is kept in a group.
func (s *Session) slot(ctx context.Context, group string, typ config.NodeID) (*group, *ua.NodeID, error) {
	g, err := s.group(ctx, group)
	if err != nil {
		return nil, nil, err
	}
	id, ok := onServer(typ, s.namespaces)
	if !ok {
		return nil, nil, &MissingFeatureError{Feature: "namespace of CertificateType " + string(typ)}
	}
	return g, id, nil
}

// ApplyChanges ends the transaction (7.10.9). That there was nothing to apply is
// no error. Servers may cut the connection after their answer; one that was cut
// before it leaves the outcome unknown.
func (s *Session) ApplyChanges(ctx context.Context) error {
	if err := s.members(ctx); err != nil {
		return err
	}
	_, err := s.change(ctx, s.app.call(pathApplyChanges))
	if errors.Is(err, ua.StatusBadNothingToDo) {
		return nil
	}
	return err
}

// CancelChanges discards the transaction (7.10.11). That there is none is no error.
// The method is optional: without it, the end of the Session has the same effect.
func (s *Session) CancelChanges(ctx context.Context) error {
	if err := s.members(ctx); err != nil {
		return err
	}
	if err := s.needs(pathCancelChanges); err != nil {
		return err
	}
	_, err := s.change(ctx, s.app.call(pathCancelChanges))
	var refused *CallError
	switch {
	case errors.Is(err, ua.StatusBadNothingToDo):
		return nil
	case errors.As(err, &refused) && unbound(refused.Status):
		return &MissingFeatureError{Feature: pathCancelChanges}
	}
	return err
}

// unbound says that a method is a node without an implementation: node-opcua 2.157
// and open62541 1.5 have such nodes.
func unbound(s ua.StatusCode) bool {
	switch s {
	case ua.StatusBadMethodInvalid, ua.StatusBadNotImplemented, ua.StatusBadNotSupported,
		ua.StatusBadNodeIDUnknown, ua.StatusBadInternalError:
		return true
	}
	return false
}
