package workflow

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
)

// statusBadTransactionPending is Bad_TransactionPending (OPC 10000-4, 7.39; since
// NodeSet 1.05.02), which the codec's table lacks.
const statusBadTransactionPending ua.StatusCode = 0x80E80000

// leftoverWithin is how long a server may keep what the Session of a killed run
// had open: it goes with that Session, whose timeout is five minutes, or with the
// ActivityTimeout of a file.
const leftoverWithin = 6 * time.Minute

// patient is the Session of a resumed run. It waits for what the earlier run's
// Session has left open on the server; nobody can close that any more.
type patient struct {
	Session
	s *State
}

// patientRoles is patient where the Session has the roles for certificates.
type patientRoles struct {
	patient
	GroupSurvey
	TrustLists
	CertificateSlots
	RejectedLists
	Transactions
}

var _ CertificateSession = patientRoles{}

// Endpoints is the role's, not that of patient.
func (p patientRoles) Endpoints() []EndpointCertificate { return p.GroupSurvey.Endpoints() }

func patiently(session Session, s *State) Session {
	p := patient{session, s}
	if c, ok := session.(CertificateSession); ok {
		return patientRoles{p, c, c, c, c, c}
	}
	return p
}

func (p patient) wait(ctx context.Context, f func() error) error {
	return p.s.retry(ctx, p.s.now().Add(leftoverWithin), "the server to drop what the earlier run had left open", func() error {
		err := f()
		if err != nil && !leftover(err) {
			return backoff.Permanent(err)
		}
		return err
	})
}

func leftover(err error) bool {
	return errors.Is(err, statusBadTransactionPending) || errors.Is(err, ua.StatusBadNotReadable) || errors.Is(err, ua.StatusBadNotWritable)
}

// Endpoints are what discovery showed, where the Session knows it.
func (p patient) Endpoints() []EndpointCertificate {
	if shown, ok := p.Session.(interface{ Endpoints() []EndpointCertificate }); ok {
		return shown.Endpoints()
	}
	return nil
}

func (p patient) Observe(ctx context.Context, groups []string) (o Observation, err error) {
	err = p.wait(ctx, func() error { o, err = p.Session.Observe(ctx, groups); return err })
	return o, err
}

func (p patient) UpdateConfiguration(ctx context.Context, u ConfigurationUpdate) (r *ConfigurationResult, err error) {
	err = p.wait(ctx, func() error { r, err = p.Session.UpdateConfiguration(ctx, u); return err })
	return r, err
}

func (p patient) WriteTrustList(ctx context.Context, group string, list TrustList) (required bool, err error) {
	err = p.wait(ctx, func() error { required, err = p.Session.WriteTrustList(ctx, group, list); return err })
	return required, err
}

func (p patient) CreateSigningRequest(ctx context.Context, r SigningRequest) (csr []byte, err error) {
	err = p.wait(ctx, func() error { csr, err = p.Session.CreateSigningRequest(ctx, r); return err })
	return csr, err
}

func (p patient) UpdateCertificate(ctx context.Context, u CertificateUpdate) (required bool, err error) {
	err = p.wait(ctx, func() error { required, err = p.Session.UpdateCertificate(ctx, u); return err })
	return required, err
}

// Survey waits for TrustLists that are open for writing, too: they cannot be read.
func (p patientRoles) Survey(ctx context.Context, parts func(GroupObservation) Parts) (o Observation, err error) {
	err = p.wait(ctx, func() error {
		if o, err = p.GroupSurvey.Survey(ctx, parts); err != nil {
			return err
		}
		for _, g := range o.Groups {
			if leftover(g.TrustListError) {
				return g.TrustListError
			}
		}
		return nil
	})
	if leftover(err) {
		return o, nil // whoever needs that list says that it could not be read
	}
	return o, err
}

func (p patientRoles) ReadTrustList(ctx context.Context, group string, masks TrustListMask) (list TrustList, err error) {
	err = p.wait(ctx, func() error { list, err = p.TrustLists.ReadTrustList(ctx, group, masks); return err })
	return list, err
}

func (p patientRoles) CreateSelfSignedCertificate(ctx context.Context, r SelfSignedRequest) (der []byte, err error) {
	err = p.wait(ctx, func() error { der, err = p.CertificateSlots.CreateSelfSignedCertificate(ctx, r); return err })
	return der, err
}

func (p patientRoles) DeleteCertificate(ctx context.Context, group string, typ config.NodeID) error {
	return p.wait(ctx, func() error { return p.CertificateSlots.DeleteCertificate(ctx, group, typ) })
}
