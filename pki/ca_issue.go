package pki

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

var _ Issuer = (*CA)(nil)

// Issue signs a request (OPC 10000-12, 7.9.3) and returns leaf, intermediates and root. Subject,
// subjectAltName and key are the request's, with what r adds; the usages and
// constraints of the request are ignored. The certificate begins Backdate before
// now and outlives no CA of the chain. It is in the ledger, on the disk,
// before it is returned, so that a caller that died in between gets the same one
// with r.Since. Errors are *RequestError, or *FileError with ErrExpired, ErrRevoked,
// ErrLocked, ErrLedgerFull or ErrDamaged.
func (ca *CA) Issue(ctx context.Context, csrDER []byte, r Request) ([][]byte, error) {
	if err := r.checkURI(); err != nil {
		return nil, err
	}
	csr, err := CheckRequest(csrDER, r.ApplicationURI)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(checkSlotKey(csr, r.Slot), strengthOf(csr.PublicKey).checkIssuers(ca.chain)); err != nil {
		return nil, err
	}
	now := ca.now()
	if err := ca.inForce(now); err != nil {
		return nil, err
	}
	template, err := ca.leafTemplate(csr, r, now)
	if err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, ca.path(caLockFile))
	if err != nil {
		return nil, err
	}
	defer unlock()
	records, whole, err := readLedger(ca.path(CALedgerFile))
	if err != nil {
		return nil, err
	}
	prior := priorIssuance(records, csrDER, r, now, func(leaf *x509.Certificate) bool { return ca.wouldMake(leaf, csr, r) })
	if prior != nil {
		return ca.below(prior[0].Raw), nil
	}
	if template.SerialNumber, err = unusedSerial(records); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.chain[0], csr.PublicKey, ca.key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate: %w", err)
	}
	notAfter := template.NotAfter.Truncate(time.Second)
	err = appendLedger(ca.path(CALedgerFile), whole, LedgerRecord{
		Event: EventIssued, Time: now.UTC(), Serial: formatSerial(template.SerialNumber),
		Subject: cmp.Or(FormatSubject(template.Subject), "?"), RequestSHA256: Fingerprint(csrDER),
		SHA256: Fingerprint(der), Certificate: der, NotAfter: &notAfter, Slot: r.Slot.orNil(),
	})
	if err != nil {
		return nil, err
	}
	return ca.below(der), nil
}

// below puts a certificate before those of the CAs.
func (ca *CA) below(leaf []byte) [][]byte { return append([][]byte{leaf}, rawChain(ca.chain)...) }

// inForce asks CRLs of the CAs above, too, which may have come since the CA was opened.
func (ca *CA) inForce(now time.Time) error {
	above, err := readIssuerCRLs(ca.dir)
	if err != nil {
		return err
	}
	var crls []*x509.RevocationList
	for _, cert := range ca.chain[1:] {
		crls = append(crls, newestCRL(above, cert))
	}
	return inForce(ca.dir, ca.chain, crls, now)
}

// Foresee refuses what Issue will refuse whatever the request turns out to be: a CA
// that is not in force, names that it may not certify, a type of slot whose keys its
// own cannot vouch for. Callers ask before they change anything at a server.
func (ca *CA) Foresee(r Request) error {
	if err := ca.inForce(ca.now()); err != nil {
		return err
	}
	var fits error
	for _, kind := range slotKinds(r.Slot) {
		if fits = kind.strength().checkIssuers(ca.chain); fits == nil {
			break
		}
	}
	names := certified{dns: r.DNSNames, ips: r.IPAddresses}
	if r.ApplicationURI != "" {
		names.uris = []string{r.ApplicationURI}
	}
	return cmp.Or(fits, ca.permit(names))
}

// wouldMake says whether leaf is what this CA would have made of the request when
// leaf was made.
func (ca *CA) wouldMake(leaf *x509.Certificate, csr *x509.CertificateRequest, r Request) bool {
	t, err := ca.leafTemplate(csr, r, leaf.NotBefore.Add(Backdate))
	return err == nil && leaf.CheckSignatureFrom(ca.chain[0]) == nil &&
		bytes.Equal(leaf.RawSubject, t.RawSubject) && leaf.NotAfter.Equal(t.NotAfter.Truncate(time.Second)) &&
		leaf.KeyUsage == t.KeyUsage && slices.Equal(leaf.ExtKeyUsage, t.ExtKeyUsage) &&
		slices.ContainsFunc(leaf.Extensions, func(e pkix.Extension) bool {
			return e.Id.Equal(oidSubjectAltName) && bytes.Equal(e.Value, t.ExtraExtensions[0].Value)
		})
}

func (ca *CA) leafTemplate(csr *x509.CertificateRequest, r Request, now time.Time) (*x509.Certificate, error) {
	dnsNames, addresses := mergeNames(csr, r)
	if r.Server && len(dnsNames)+len(addresses) == 0 {
		return nil, &RequestError{RequestHosts, "no host name or address", "at least one for a server"}
	}
	names := certified{dns: dnsNames, ips: addresses}
	if !r.Hosts {
		names.uris = []string{r.ApplicationURI}
	}
	if err := ca.permit(names); err != nil {
		return nil, err
	}
	san, err := subjectAltName(r.ApplicationURI, dnsNames, addresses)
	if err != nil {
		return nil, &RequestError{RequestStructure, printable(err.Error()), ""}
	}
	notAfter := now.Add(orDefault(r.Validity, DefaultValidity))
	for _, cert := range ca.chain {
		if notAfter.After(cert.NotAfter) {
			notAfter = cert.NotAfter
		}
	}
	template := &x509.Certificate{
		NotBefore:             now.Add(-Backdate).UTC(),
		NotAfter:              notAfter.UTC(),
		SignatureAlgorithm:    signatureOf(ca.key.Public()),
		KeyUsage:              usageFor(csr.PublicKey),
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, // present, with cA FALSE
		SubjectKeyId:          publicKeyID(csr.PublicKey),
		ExtraExtensions:       []pkix.Extension{san},
	}
	switch {
	case r.Hosts:
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	case r.Server:
		template.ExtKeyUsage = append([]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, template.ExtKeyUsage...)
	}
	return template, ca.chooseSubject(template, csr, r)
}

// usageFor is the keyUsage of an application certificate (OPC 10000-6, 6.2.2): a key
// on a curve encrypts nothing.
func usageFor(public crypto.PublicKey) x509.KeyUsage {
	if _, ok := public.(*rsa.PublicKey); ok {
		return applicationKeyUsage
	}
	return x509.KeyUsageDigitalSignature
}

// publicKeyID is keyID for keys of every kind (RFC 7093, 2, method 1).
func publicKeyID(public crypto.PublicKey) []byte {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return keyID(key)
	case *ecdsa.PublicKey:
		if raw, err := key.Bytes(); err == nil {
			sum := sha256.Sum256(raw)
			return sum[:20]
		}
	}
	return nil
}

// chooseSubject takes the operator's subject or, without one, the request's as it
// is. The CA's own name is refused: such a leaf would look self-signed.
func (ca *CA) chooseSubject(template *x509.Certificate, csr *x509.CertificateRequest, r Request) error {
	template.Subject, template.RawSubject = csr.Subject, csr.RawSubject
	if FormatSubject(r.Subject) != "" {
		raw, err := asn1.Marshal(r.Subject.ToRDNSequence())
		if err != nil {
			return &RequestError{RequestStructure, printable(err.Error()), "a subject that can be encoded"}
		}
		template.Subject, template.RawSubject = r.Subject, raw
	}
	if template.Subject.CommonName == "" {
		return &RequestError{RequestStructure, "a subject without CN", "a CN: give one as subject in the manifest"}
	}
	if slices.ContainsFunc(ca.chain, func(cert *x509.Certificate) bool { return bytes.Equal(template.RawSubject, cert.RawSubject) }) {
		return &RequestError{RequestStructure, "the CA's own name as subject", "another one: give it as subject in the manifest"}
	}
	return nil
}

// mergeNames puts the operator's names behind the request's, without repeats.
func mergeNames(csr *x509.CertificateRequest, r Request) ([]string, []net.IP) {
	var names []string
	for _, name := range slices.Concat(csr.DNSNames, r.DNSNames) {
		if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			names = append(names, name)
		}
	}
	var addresses []net.IP
	for _, ip := range slices.Concat(csr.IPAddresses, r.IPAddresses) {
		if !slices.ContainsFunc(addresses, ip.Equal) {
			addresses = append(addresses, ip)
		}
	}
	return names, addresses
}

func unusedSerial(records []LedgerRecord) (*big.Int, error) {
	for {
		serial, err := newSerial()
		if err != nil {
			return nil, err
		}
		text := formatSerial(serial)
		if !slices.ContainsFunc(records, func(r LedgerRecord) bool { return r.Serial == text }) {
			return serial, nil
		}
	}
}
