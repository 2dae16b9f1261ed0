package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// Authority is the public side of a CA: what others need to trust what it issues.
// No key is needed to read it.
type Authority struct {
	Dir   string
	Chain []*x509.Certificate    // the CA's own certificate first, the root last
	CRLs  []*x509.RevocationList // of the same certificate of Chain each; nil where there is none
}

// ReadAuthority reads the public side of the CA of a directory. Errors are
// *FileError: ErrNotInitialised, ErrAwaiting, ErrDamaged. A CRL that is missing or
// outdated is none; see Current.
func ReadAuthority(dir string) (Authority, error) {
	chain, err := readCAChain(dir)
	if err != nil {
		return Authority{}, err
	}
	above, err := readIssuerCRLs(dir)
	if err != nil {
		return Authority{}, err
	}
	a := Authority{Dir: dir, Chain: chain, CRLs: make([]*x509.RevocationList, len(chain))}
	for i := range chain {
		a.CRLs[i] = newestCRL(above, chain[i])
	}
	own, err := ReadBounded(filepath.Join(dir, CARevocationFile), MaxFileSize)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return Authority{}, err
	}
	if a.CRLs[0], err = x509.ParseRevocationList(own); err != nil {
		return Authority{}, damaged(filepath.Join(dir, CARevocationFile), err, "make a new one with uapush ca crl")
	}
	return a, nil
}

// readCAChain reads ca.der: a root alone, or an intermediate up to its root.
func readCAChain(dir string) ([]*x509.Certificate, error) {
	path := filepath.Join(dir, CACertificateFile)
	der, err := ReadBounded(path, MaxFileSize)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !missing(filepath.Join(dir, CARequestFile)):
		return nil, &FileError{Path: dir, Err: ErrAwaiting, hint: "have the root sign what uapush ca request writes, then uapush ca install CHAIN"}
	case errors.Is(err, fs.ErrNotExist):
		return nil, &FileError{Path: dir, Err: ErrNotInitialised, hint: `make one: uapush ca init --subject "CN=Plant CA/O=Plant" --ca-passphrase-file FILE`}
	case err != nil:
		return nil, err
	}
	parts, err := SplitChain(der)
	if err != nil {
		return nil, damaged(path, err, "restore the CA's directory from a backup")
	}
	chain, err := ParseChain(parts)
	if err != nil {
		return nil, damaged(path, err, "restore the CA's directory from a backup")
	}
	return chain, nil
}

func readIssuerCRLs(dir string) ([]*x509.RevocationList, error) {
	bundle, err := LoadBundle(filepath.Join(dir, CAIssuerCRLFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return bundle.CRLs, err
}

func writeIssuerCRLs(dir string, crls []*x509.RevocationList) error {
	if len(crls) == 0 {
		return nil // one of another root that is there is nobody's
	}
	var text []byte
	for _, crl := range crls {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: crl.Raw})...)
	}
	return WriteFileAtomic(filepath.Join(dir, CAIssuerCRLFile), text, 0o644)
}

// newestCRL gives the last CRL that a CA has made, or nil.
func newestCRL(crls []*x509.RevocationList, ca *x509.Certificate) *x509.RevocationList {
	var newest *x509.RevocationList
	for _, crl := range crls {
		if madeBy(crl, ca) && (newest == nil || newer(crl, newest)) {
			newest = crl
		}
	}
	return newest
}

func madeBy(crl *x509.RevocationList, ca *x509.Certificate) bool {
	return bytes.Equal(crl.RawIssuer, ca.RawSubject) && crl.CheckSignatureFrom(ca) == nil
}

// newer compares CRLs of one CA by their numbers, and without numbers by their time.
func newer(a, b *x509.RevocationList) bool {
	if a.Number != nil && b.Number != nil {
		return a.Number.Cmp(b.Number) > 0
	}
	return a.ThisUpdate.After(b.ThisUpdate)
}

// Certificates lists the chain, DER, the CA's own certificate first.
func (a Authority) Certificates() [][]byte { return rawChain(a.Chain) }

// RevocationLists lists the CRLs that there are, DER.
func (a Authority) RevocationLists() [][]byte {
	var ders [][]byte
	for _, crl := range a.CRLs {
		if crl != nil {
			ders = append(ders, crl.Raw)
		}
	}
	return ders
}

// Current wants every CA of the chain valid and not revoked, and a CRL of each that
// is not outdated: servers refuse what a CA issued whose CRL they lack. Errors are
// *FileError: ErrExpired, ErrRevoked, ErrNoCRL, ErrOutdatedCRL.
func (a Authority) Current(now time.Time) error {
	if err := inForce(a.Dir, a.Chain, a.CRLs, now); err != nil {
		return err
	}
	for i, cert := range a.Chain {
		path, hint := filepath.Join(a.Dir, CAIssuerCRLFile), "get a current one from its owner, then uapush ca install --crls FILE"
		if i == 0 {
			path, hint = filepath.Join(a.Dir, CARevocationFile), "make a new one with uapush ca crl"
		}
		switch crl := a.CRLs[i]; {
		case crl == nil:
			return &FileError{Path: path, Err: fmt.Errorf("%w of %s", ErrNoCRL, displayName(cert.Subject)), hint: hint}
		case outdated(crl, now):
			return &FileError{Path: path, Err: fmt.Errorf("%w: %s was to renew it by %s", ErrOutdatedCRL, displayName(cert.Subject), crl.NextUpdate.UTC().Format(time.DateOnly)), hint: hint}
		}
	}
	return nil
}

func outdated(crl *x509.RevocationList, now time.Time) bool {
	return !crl.NextUpdate.IsZero() && now.After(crl.NextUpdate)
}

// inForce wants every certificate of a CA's chain valid, and in no CRL.
func inForce(dir string, chain []*x509.Certificate, crls []*x509.RevocationList, now time.Time) error {
	path := filepath.Join(dir, CACertificateFile)
	for i, cert := range chain {
		switch {
		case now.After(cert.NotAfter) && len(chain) == 1:
			return &FileError{Path: path, Err: ErrExpired, hint: "make a new CA in another directory and have the servers trust it"}
		case now.After(cert.NotAfter):
			return &FileError{Path: path, Err: fmt.Errorf("%w: %s", ErrExpired, displayName(cert.Subject)), hint: "have the root certify it anew, then uapush ca install CHAIN"}
		case slices.ContainsFunc(crls, func(crl *x509.RevocationList) bool { return i+1 < len(chain) && revokedBy(crl, chain[i+1], cert) }):
			return &FileError{Path: path, Err: fmt.Errorf("%w: %s", ErrRevoked, displayName(cert.Subject)), hint: "ask the owner of the CA above why; nothing that this CA issued is trusted any more"}
		}
	}
	return nil
}

func revokedBy(crl *x509.RevocationList, issuer, cert *x509.Certificate) bool {
	return crl != nil && bytes.Equal(crl.RawIssuer, issuer.RawSubject) &&
		slices.ContainsFunc(crl.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool { return e.SerialNumber.Cmp(cert.SerialNumber) == 0 })
}
