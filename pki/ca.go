package pki

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The files of a CA's directory. Exactly one of the key files or CATokenFile exists.
const (
	CACertificateFile  = "ca.der"        // its chain up to the root, DER end to end; written last: with it the CA exists
	CARequestFile      = "ca.csr"        // of an intermediate: PEM, for the owner of the root
	CAIssuerCRLFile    = "issuers.crl"   // of an intermediate: PEM, the CRLs of those above
	CAEncryptedKeyFile = "ca.p12"        // PKCS#12, key under PBES2
	CAPlainKeyFile     = "ca.key"        // PKCS#8 PEM, by explicit wish only
	CATokenFile        = "ca.pkcs11"     // the PKCS#11 URI of a key in a token, without its PIN
	CARevocationFile   = "ca.crl"        // DER
	CALedgerFile       = "issued.ndjson" // LedgerRecord lines
	caLockFile         = "lock"
)

const (
	caDefaultKey      = KeyRSA4096 // a leaf's key may not be longer than its issuer's
	caDefaultValidity = 10 * 365 * 24 * time.Hour
	caKDFIterations   = 200_000 // PBKDF2-HMAC-SHA-256: about 0.1 s per derivation
)

// CAOptions says how Init makes a CA and Open opens it.
type CAOptions struct {
	Passphrase   []byte           // of the key, or the PIN of its token; must not be empty unless NoPassphrase
	NoPassphrase bool             // the key is, or shall be, stored unencrypted
	Token        TokenKey         // nil: keys in tokens are refused
	Now          func() time.Time // nil is the system clock

	// For Init alone.
	Subject  pkix.Name     // CN is required, O should be there
	Key      KeyKind       // "" is rsa4096, or the one in the token
	TokenURI string        // where the key is, or shall be, in a token (RFC 7512); it holds no PIN
	Validity time.Duration // 0 is ten years; of a root

	// PermitDNS and PermitIP, where there are any, are the only domains (with all
	// below them) and networks that the CA may certify (RFC 5280, 4.2.1.10).
	PermitDNS []string
	PermitIP  []*net.IPNet
}

// TokenKey gives the key that a PKCS#11 URI names. Where it is not there, one of the
// kind is made, unless the kind is "". A key that is an io.Closer is closed with the CA.
type TokenKey func(uri string, pin []byte, kind KeyKind) (crypto.Signer, error)

// CA is a certification authority in a directory. It is safe for concurrent
// use, and several processes may have it open: what changes files holds a lock.
type CA struct {
	dir   string
	chain []*x509.Certificate // its own certificate first, the root last
	key   crypto.Signer       // of a KeyKind
	now   func() time.Time
}

// InitCA makes a root CA in dir: a key, a certificate (OPC 10000-6, 6.2.2: cA TRUE
// with pathLen 0, keyCertSign and cRLSign) and an empty CRL. An existing one is
// ErrInitialised and stays untouched; no passphrase without NoPassphrase is
// ErrPassphraseNeeded.
func InitCA(ctx context.Context, dir string, o CAOptions) (*CA, error) {
	extra, err := o.constraints()
	if err != nil {
		return nil, err
	}
	ca, unlock, err := begin(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	defer unlock()
	cert, err := rootCertificate(ca.key, o.Subject, ca.now(), orDefault(o.Validity, caDefaultValidity), extra...)
	if err != nil {
		return nil, err
	}
	ca.chain = []*x509.Certificate{cert}
	if err := ca.storeKey(o, cert); err != nil {
		return nil, fmt.Errorf("store the CA: %w", err)
	}
	if err := WriteFileAtomic(ca.path(CACertificateFile), cert.Raw, 0o644); err != nil {
		return nil, fmt.Errorf("store the CA: %w", err)
	}
	_, err = ca.renewCRL(true)
	return ca, err
}

// InitIntermediate makes the key of a CA in dir that a root elsewhere will certify,
// and returns the request for its certificate, PEM. Until InstallCA the CA is
// ErrAwaiting. Errors are those of InitCA.
func InitIntermediate(ctx context.Context, dir string, o CAOptions) (request []byte, err error) {
	extra, err := o.constraints()
	if err != nil {
		return nil, err
	}
	ca, unlock, err := begin(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	defer unlock()
	defer ca.Close()
	if request, err = authorityRequest(ca.key, o.Subject, extra...); err != nil {
		return nil, err
	}
	// PKCS#12 keeps no key without a certificate: this one is good for nothing else.
	placeholder, err := rootCertificate(ca.key, o.Subject, ca.now(), 0)
	if err != nil {
		return nil, err
	}
	if err := ca.storeKey(o, placeholder); err != nil {
		return nil, fmt.Errorf("store the CA: %w", err)
	}
	return request, WriteFileAtomic(ca.path(CARequestFile), request, 0o644)
}

// begin makes the key of a CA that does not exist yet, and locks its directory.
func begin(ctx context.Context, dir string, o CAOptions) (ca *CA, unlock func(), err error) {
	switch {
	case o.Subject.CommonName == "":
		return nil, nil, errors.New("the subject of a CA needs a CN")
	case o.TokenURI != "" && len(o.Passphrase) == 0:
		return nil, nil, &FileError{Path: dir, Err: ErrPassphraseNeeded, hint: tokenHint}
	case len(o.Passphrase) == 0 && !o.NoPassphrase:
		return nil, nil, &FileError{Path: dir, Err: ErrPassphraseNeeded, hint: "give --ca-passphrase-file FILE, or say --no-passphrase"}
	case len(o.Passphrase) > 0 && o.NoPassphrase:
		return nil, nil, errors.New("a passphrase and no passphrase cannot both be asked for")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the CA's directory: %w", err)
	}
	if unlock, err = lock(ctx, filepath.Join(dir, caLockFile)); err != nil {
		return nil, nil, err
	}
	ca = &CA{dir: dir, now: o.clock()}
	if err = vacant(dir); err == nil {
		ca.key, err = o.newKey()
	}
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return ca, unlock, nil
}

// vacant wants a directory without a CA, so that no key is ever overwritten.
func vacant(dir string) error {
	switch {
	case !missing(filepath.Join(dir, CACertificateFile)):
		return &FileError{Path: dir, Err: ErrInitialised, hint: "use it as it is, or name another directory"}
	case !missing(filepath.Join(dir, CARequestFile)):
		return &FileError{Path: dir, Err: ErrInitialised, hint: "it waits for its certificate: uapush ca install CHAIN; or name another directory"}
	case !missing(filepath.Join(dir, CALedgerFile)):
		return &FileError{Path: dir, Err: fmt.Errorf("%w: there is a ledger but no certificate", ErrDamaged), hint: "restore the CA's directory from a backup, or name another one"}
	}
	return nil
}

func (o CAOptions) clock() func() time.Time {
	if o.Now == nil {
		return time.Now
	}
	return o.Now
}

func orDefault(value, otherwise time.Duration) time.Duration {
	if value > 0 {
		return value
	}
	return otherwise
}

func rootCertificate(key crypto.Signer, subject pkix.Name, now time.Time, validity time.Duration, extra ...pkix.Extension) (*x509.Certificate, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	id := publicKeyID(key.Public())
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               subject,
		NotBefore:             now.Add(-Backdate).UTC(),
		NotAfter:              now.Add(validity).UTC(),
		SignatureAlgorithm:    signatureOf(key.Public()),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		SubjectKeyId:          id,
		AuthorityKeyId:        id,
		ExtraExtensions:       extra,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the CA's certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// OpenCA opens the CA of a directory. Errors are *FileError: ErrNotInitialised,
// ErrAwaiting, ErrPassphraseNeeded, ErrPassphrase, ErrExposed, ErrMismatch,
// ErrDamaged. An expired CA opens, but Issue refuses with ErrExpired.
func OpenCA(dir string, o CAOptions) (*CA, error) {
	chain, err := readCAChain(dir)
	if err != nil {
		return nil, err
	}
	key, err := loadCAKey(dir, o)
	if err != nil {
		return nil, err
	}
	if CheckPair(chain[0].Raw, key) != nil {
		closeKey(key)
		return nil, &FileError{Path: dir, Err: ErrMismatch, hint: "restore the CA's directory from a backup"}
	}
	return &CA{dir: dir, chain: chain, key: key, now: o.clock()}, nil
}

// Certificate is the CA's own certificate. It must not be changed.
func (ca *CA) Certificate() *x509.Certificate { return ca.chain[0] }

// Records lists the ledger, oldest first.
func (ca *CA) Records() ([]LedgerRecord, error) { return ReadCALedger(ca.dir) }

// Close lets go of a key in a token.
func (ca *CA) Close() { closeKey(ca.key) }

func (ca *CA) path(name string) string { return filepath.Join(ca.dir, name) }
