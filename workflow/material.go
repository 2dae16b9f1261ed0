package workflow

import (
	"errors"
	"fmt"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
)

// The words of a manifest that stand for something other than a file.
const (
	wordSelf = "self" // this client's own certificate
	wordCA   = "ca"   // the built-in certificate authority with those above it, or their CRLs
)

// Materials resolves what a manifest names in its trust lists.
type Materials struct {
	Self [][]byte // this client's certificate chain, DER, leaf first
	// Authority returns the certificates of the built-in CA, its own first and the
	// root last, and the current CRL of each, in DER. It is called only when the
	// manifest says "ca".
	Authority func() (certificates, crls [][]byte, err error)
}

// resolve finds what a TrustList of the manifest names.
func (m Materials) resolve(d config.DesiredTrustList, a *plan.TrustListAction) error {
	for _, source := range d.Trusted {
		trusted, issuers, err := m.trusted(source)
		if err != nil {
			return err
		}
		a.Trusted, a.Issuers = append(a.Trusted, trusted...), append(a.Issuers, issuers...)
	}
	for _, source := range d.Issuers {
		found, err := m.certificates(source)
		if err != nil {
			return err
		}
		a.Issuers = append(a.Issuers, found...)
	}
	for _, source := range d.CRLs {
		found, err := m.crls(source)
		if err != nil {
			return err
		}
		a.CRLs = append(a.CRLs, found...)
	}
	return nil
}

// trusted resolves one entry of trusted. Of the built-in CA only its own certificate
// is trusted; those above it are issuers, or all that their owner signs would be
// trusted as well.
func (m Materials) trusted(source string) (trusted, issuers []plan.Material, err error) {
	found, err := m.certificates(source)
	if err != nil || source != wordCA {
		return found, nil, err
	}
	return found[:1], found[1:], nil
}

// certificates resolves one entry of trusted or issuers.
func (m Materials) certificates(source string) ([]plan.Material, error) {
	switch source {
	case wordSelf:
		if len(m.Self) == 0 {
			return nil, errors.New("this client has no certificate to put in for self")
		}
		return described(source, m.Self[:1], plan.Certificate)
	case wordCA:
		certificates, _, err := m.authority()
		if err != nil {
			return nil, err
		}
		return described(source, certificates, plan.Certificate)
	}
	bundle, err := pki.LoadBundle(source)
	if err != nil {
		return nil, err
	}
	if len(bundle.Certificates) == 0 {
		return nil, &MaterialError{Source: source, Lacks: "certificate"}
	}
	var ders [][]byte
	for _, c := range bundle.Certificates {
		ders = append(ders, c.Raw)
	}
	return described(source, ders, plan.Certificate)
}

// crls resolves one entry of crls.
func (m Materials) crls(source string) ([]plan.Material, error) {
	if source == wordCA {
		_, crls, err := m.authority()
		if err != nil {
			return nil, err
		}
		return described(source, crls, plan.CRL)
	}
	bundle, err := pki.LoadBundle(source)
	if err != nil {
		return nil, err
	}
	if len(bundle.CRLs) == 0 {
		return nil, &MaterialError{Source: source, Lacks: "CRL"}
	}
	var ders [][]byte
	for _, c := range bundle.CRLs {
		ders = append(ders, c.Raw)
	}
	return described(source, ders, plan.CRL)
}

func (m Materials) authority() (certificates, crls [][]byte, err error) {
	if m.Authority == nil {
		return nil, nil, ErrNoIssuer
	}
	if certificates, crls, err = m.Authority(); err == nil && len(certificates) == 0 {
		err = ErrNoIssuer
	}
	return certificates, crls, err
}

// described describes DER after DER with one of plan's two descriptions.
func described(source string, ders [][]byte, describe func(source string, der []byte) (plan.Material, error)) ([]plan.Material, error) {
	var out []plan.Material
	for _, der := range ders {
		m, err := describe(source, der)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		out = append(out, m)
	}
	return out, nil
}

// MaterialError says that a file of the manifest is not what its place asks for.
type MaterialError struct {
	Source string
	Lacks  string // certificate or CRL
}

func (e *MaterialError) Error() string { return fmt.Sprintf("%s holds no %s", e.Source, e.Lacks) }

// Hint tells where the file belongs.
func (e *MaterialError) Hint() string {
	return "certificates belong under trusted or issuers, revocation lists under crls"
}

// Class of a manifest that names the wrong file.
func (e *MaterialError) Class() Class { return ClassUsage }
