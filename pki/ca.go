package pki

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// The files of a CA's directory. Exactly one of the key files exists.
const (
	CACertificateFile  = "ca.der"        // written last: with it the CA exists
	CAEncryptedKeyFile = "ca.p12"        // PKCS#12, key under PBES2
	CAPlainKeyFile     = "ca.key"        // PKCS#8 PEM, by explicit wish only
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
	Passphrase   []byte           // of the key; must not be empty unless NoPassphrase
	NoPassphrase bool             // the key is, or shall be, stored unencrypted
	Now          func() time.Time // nil is the system clock

	// For Init alone.
	Subject  pkix.Name     // CN is required, O should be there
	Key      KeyKind       // "" is rsa4096
	Validity time.Duration // 0 is ten years
}

// CA is a certification authority in a directory. It is safe for concurrent
// use, and several processes may have it open: what changes files holds a lock.
type CA struct {
	dir  string
	cert *x509.Certificate
	key  crypto.Signer // of a KeyKind
	now  func() time.Time
}

// InitCA makes a root CA in dir: a key, a certificate (OPC 10000-6, 6.2.2:
// cA TRUE with pathLen 0, keyCertSign and cRLSign) and an empty CRL. An existing
// one is ErrInitialised and stays untouched; no passphrase without NoPassphrase
// is ErrPassphraseNeeded.
func InitCA(ctx context.Context, dir string, o CAOptions) (*CA, error) {
	switch {
	case o.Subject.CommonName == "":
		return nil, errors.New("the subject of a CA needs a CN")
	case len(o.Passphrase) == 0 && !o.NoPassphrase:
		return nil, &FileError{Path: dir, Err: ErrPassphraseNeeded, hint: "give --ca-passphrase-file FILE, or say --no-passphrase"}
	case len(o.Passphrase) > 0 && o.NoPassphrase:
		return nil, errors.New("a passphrase and no passphrase cannot both be asked for")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the CA's directory: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(dir, caLockFile))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if !missing(filepath.Join(dir, CACertificateFile)) {
		return nil, &FileError{Path: dir, Err: ErrInitialised, hint: "use it as it is, or name another directory"}
	}
	if ledger := filepath.Join(dir, CALedgerFile); !missing(ledger) {
		return nil, &FileError{Path: dir, Err: fmt.Errorf("%w: there is a ledger but no certificate", ErrDamaged), hint: "restore the CA's directory from a backup, or name another one"}
	}
	ca := &CA{dir: dir, now: o.clock()}
	if ca.key, err = cmp.Or(o.Key, caDefaultKey).generate(); err != nil {
		return nil, err
	}
	if ca.cert, err = rootCertificate(ca.key, o.Subject, ca.now(), orDefault(o.Validity, caDefaultValidity)); err != nil {
		return nil, err
	}
	if err := ca.store(o); err != nil {
		return nil, fmt.Errorf("store the CA: %w", err)
	}
	_, err = ca.renewCRL(true)
	return ca, err
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

func rootCertificate(key crypto.Signer, subject pkix.Name, now time.Time, validity time.Duration) (*x509.Certificate, error) {
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
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the CA's certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}

// store writes the key first and the certificate last, so that a crash between
// leaves a directory that Init may fill again.
func (ca *CA) store(o CAOptions) error {
	name, data, err := CAPlainKeyFile, []byte(nil), error(nil)
	if o.NoPassphrase {
		data, err = EncodePrivateKey(FormatPEM, ca.key, nil)
	} else {
		name = CAEncryptedKeyFile
		data, err = pkcs12.Modern2023.WithIterations(caKDFIterations).Encode(ca.key, ca.cert, nil, string(o.Passphrase))
	}
	if err != nil {
		return err
	}
	for _, stale := range []string{CAPlainKeyFile, CAEncryptedKeyFile} { // of an Init that was cut short
		if err := os.Remove(filepath.Join(ca.dir, stale)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := WriteFileAtomic(filepath.Join(ca.dir, name), data, 0o600); err != nil {
		return err
	}
	return WriteFileAtomic(filepath.Join(ca.dir, CACertificateFile), ca.cert.Raw, 0o644)
}

// OpenCA opens the CA of a directory. Errors are *FileError: ErrNotInitialised,
// ErrPassphraseNeeded, ErrPassphrase, ErrExposed, ErrMismatch, ErrDamaged. An
// expired CA opens, but Issue refuses with ErrExpired.
func OpenCA(dir string, o CAOptions) (*CA, error) {
	cert, err := ReadCACertificate(dir)
	if err != nil {
		return nil, err
	}
	key, err := loadCAKey(dir, o.Passphrase)
	if err != nil {
		return nil, err
	}
	if CheckPair(cert.Raw, key) != nil {
		return nil, &FileError{Path: dir, Err: ErrMismatch, hint: "restore the CA's directory from a backup"}
	}
	if KeyKindOf(key.Public()) == "" {
		return nil, &FileError{Path: dir, Err: fmt.Errorf("the CA's key is %s", keyName(cert.PublicKey, cert.PublicKeyAlgorithm)), hint: "use one of " + strings.Join(KeyKinds(), ", ")}
	}
	return &CA{dir: dir, cert: cert, key: key, now: o.clock()}, nil
}

// ReadCACertificate reads the CA's certificate, for which no passphrase is needed.
func ReadCACertificate(dir string) (*x509.Certificate, error) {
	path := filepath.Join(dir, CACertificateFile)
	der, err := ReadBounded(path, MaxFileSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &FileError{Path: dir, Err: ErrNotInitialised, hint: `make one: uapush ca init --subject "CN=Plant CA/O=Plant"`}
	}
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, damaged(path, err, "restore the CA's directory from a backup")
	}
	return cert, nil
}

// CANeedsPassphrase reports whether the CA's key in dir is stored encrypted.
func CANeedsPassphrase(dir string) bool { return !missing(filepath.Join(dir, CAEncryptedKeyFile)) }

func loadCAKey(dir string, passphrase []byte) (crypto.Signer, error) {
	if CANeedsPassphrase(dir) {
		path := filepath.Join(dir, CAEncryptedKeyFile)
		if len(passphrase) == 0 {
			return nil, &FileError{Path: path, Err: ErrPassphraseNeeded, hint: "give --ca-passphrase-file FILE"}
		}
		key, _, err := decodePKCS12(path, passphrase)
		return key, err
	}
	path := filepath.Join(dir, CAPlainKeyFile)
	if err := checkPrivate(path); err != nil {
		return nil, err
	}
	data, err := ReadBounded(path, MaxFileSize)
	if err != nil {
		return nil, err
	}
	key, err := ParseAnyKey(data)
	if err != nil {
		return nil, damaged(path, err, "restore the CA's directory from a backup")
	}
	return key, nil
}

// Certificate is the CA's own certificate. It must not be changed.
func (ca *CA) Certificate() *x509.Certificate { return ca.cert }

// Records lists the ledger, oldest first.
func (ca *CA) Records() ([]LedgerRecord, error) { return ReadCALedger(ca.dir) }

func (ca *CA) path(name string) string { return filepath.Join(ca.dir, name) }
