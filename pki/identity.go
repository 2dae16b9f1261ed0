package pki

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// Identity is a certificate chain with the leaf's private key.
type Identity struct {
	Chain [][]byte // DER, leaf first
	Key   *rsa.PrivateKey
}

// Certificate parses the leaf.
func (i Identity) Certificate() (*x509.Certificate, error) {
	certs, err := ParseChain(i.Chain)
	if err != nil {
		return nil, err
	}
	return certs[0], nil
}

// The files of an identity's directory.
const (
	IdentityCertificateFile = "cert.der" // a chain, DER end to end
	IdentityKeyFile         = "key.pem"  // PKCS#8, 0600
)

// DefaultApplicationURI is the client's ApplicationUri on a host.
func DefaultApplicationURI(hostname string) string {
	if hostname = strings.ToLower(hostname); hostname == "" || !isPrintable(hostname) {
		hostname = "localhost"
	}
	return "urn:" + strings.ReplaceAll(hostname, " ", "-") + ":uapush"
}

// LoadOrCreateIdentity reads the client's identity from dir or, when dir does not
// exist or is empty, makes a self-signed one there: an RSA key of 2048 bits and
// a certificate for app. Of several processes that make it at the same time one
// wins and all return the winner's. An existing identity is returned as it is,
// with its own ApplicationUri. created tells the caller to say so.
//
// As with LoadIdentity an expired one comes with ErrExpired.
func LoadOrCreateIdentity(dir string, app Application) (identity Identity, created bool, err error) {
	identity, err = LoadIdentity(dir, app.Now)
	if !errors.Is(err, fs.ErrNotExist) {
		return identity, false, err
	}
	created, err = createIdentity(dir, app)
	if err != nil {
		return Identity{}, false, fmt.Errorf("make the client's identity: %w", err)
	}
	identity, err = LoadIdentity(dir, app.Now)
	return identity, created, err
}

// LoadIdentity reads cert.der and key.pem. Neither there is fs.ErrNotExist; all
// other refusals are *FileError: ErrDamaged, ErrExposed (the key is readable for
// others), ErrMismatch, ErrExpired. With ErrExpired the identity is returned too,
// so that it can be shown. now zero is the system clock.
func LoadIdentity(dir string, now time.Time) (Identity, error) {
	certFile, keyFile := filepath.Join(dir, IdentityCertificateFile), filepath.Join(dir, IdentityKeyFile)
	certMissing, keyMissing := missing(certFile), missing(keyFile)
	if certMissing && !keyMissing {
		certMissing = missing(certFile) // another process may have made both between the two looks
	}
	if certMissing != keyMissing {
		return Identity{}, &FileError{Path: dir, Err: fmt.Errorf("%w: one of %s and %s is missing", ErrDamaged, IdentityCertificateFile, IdentityKeyFile),
			hint: "restore the missing file, or move the directory away to have a new identity made"}
	}
	if err := checkPrivate(keyFile); err != nil {
		return Identity{}, err
	}
	identity, err := LoadKeyPair(certFile, keyFile, nil)
	if err != nil {
		return Identity{}, err
	}
	cert, err := identity.Certificate()
	if err != nil {
		return Identity{}, err
	}
	if now.IsZero() {
		now = time.Now()
	}
	if now.After(cert.NotAfter) {
		return identity, &FileError{Path: certFile, Err: fmt.Errorf("%w on %s", ErrExpired, cert.NotAfter.UTC().Format(time.DateOnly)),
			hint: "move " + dir + " away: the next run makes a new identity, which the servers must then be told to trust"}
	}
	return identity, nil
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// checkPrivate refuses a key that others can read. Windows keeps rights
// elsewhere; there the state folder's own protection has to do.
func checkPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return &FileError{Path: path, Err: ErrExposed,
			hint: "others may have copied it: make a new one, or if you are sure, chmod 600 " + path}
	}
	return nil
}

// createIdentity fills a directory beside dir and renames it: a directory that
// has content is never replaced by a rename, so only the first one counts.
func createIdentity(dir string, app Application) (created bool, err error) {
	dir = filepath.Clean(dir)
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return false, err
	}
	draft, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".*") // made with 0700
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(draft) // fails harmlessly once it is renamed
	if err := writeNewIdentity(draft, app); err != nil {
		return false, err
	}
	if runtime.GOOS == "windows" {
		os.Remove(dir) // there, an empty directory is in the way; one with content stays
	}
	if err := os.Rename(draft, dir); err != nil {
		if missing(filepath.Join(dir, IdentityCertificateFile)) {
			return false, &FileError{Path: dir, Err: err, hint: "name a directory that does not exist or is empty"}
		}
		return false, nil
	}
	return true, syncDir(parent)
}

func writeNewIdentity(dir string, app Application) error {
	key, err := GenerateKey(MinKeyBits)
	if err != nil {
		return err
	}
	cert, err := SelfSigned(key, app)
	if err != nil {
		return err
	}
	text, err := EncodeKey(key)
	if err != nil {
		return err
	}
	if err := WriteFileAtomic(filepath.Join(dir, IdentityKeyFile), text, 0o600); err != nil {
		return err
	}
	return WriteFileAtomic(filepath.Join(dir, IdentityCertificateFile), cert, 0o644)
}

// LoadKeyPair reads a certificate, or a chain, and its private key, for instance
// for an X509 user token. Both are PEM or DER; keyFile empty means that certFile
// holds both, as PEM or, by the extension .p12 or .pfx, as PKCS#12. The password
// is for PKCS#12 only. Errors are *FileError (ErrPassphrase, ErrMismatch,
// ErrDamaged) or the system's.
func LoadKeyPair(certFile, keyFile string, password []byte) (Identity, error) {
	if isPKCS12(certFile) {
		return loadPKCS12(certFile, password)
	}
	data, err := ReadBounded(certFile, MaxFileSize)
	if err != nil {
		return Identity{}, err
	}
	chain, err := parseChainFile(data)
	if err != nil {
		return Identity{}, damaged(certFile, err, "give the certificate as PEM or DER, leaf first")
	}
	if keyFile == "" {
		keyFile = certFile
	}
	keyData, err := ReadBounded(keyFile, MaxFileSize)
	if err != nil {
		return Identity{}, err
	}
	key, err := ParseKey(keyData)
	if err != nil {
		return Identity{}, damaged(keyFile, err, "give an RSA private key as PKCS#8 or PKCS#1, PEM or DER")
	}
	return pair(keyFile, chain, key)
}

func damaged(path string, err error, hint string) error {
	return &FileError{Path: path, Err: fmt.Errorf("%w: %w", ErrDamaged, err), hint: hint}
}

// pair puts chain and key together once they belong together.
func pair(path string, chain [][]byte, key *rsa.PrivateKey) (Identity, error) {
	certs, err := ParseChain(chain)
	if err != nil {
		return Identity{}, damaged(path, err, "")
	}
	if !sameKey(certs[0].PublicKey, &key.PublicKey) {
		return Identity{}, &FileError{Path: path, Err: ErrMismatch, hint: "give the key that the certificate was made for"}
	}
	return Identity{Chain: chain, Key: key}, nil
}

func isPKCS12(path string) bool {
	extension := strings.ToLower(filepath.Ext(path))
	return extension == ".p12" || extension == ".pfx"
}

func loadPKCS12(path string, password []byte) (Identity, error) {
	parsed, chain, err := decodePKCS12(path, password)
	if err != nil {
		return Identity{}, err
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return Identity{}, damaged(path, fmt.Errorf("an RSA private key is needed, not %T", parsed), "")
	}
	return pair(path, chain, key)
}

func decodePKCS12(path string, password []byte) (crypto.Signer, [][]byte, error) {
	data, err := ReadBounded(path, MaxFileSize)
	if err != nil {
		return nil, nil, err
	}
	parsed, leaf, issuers, err := pkcs12.DecodeChain(data, string(password))
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, nil, &FileError{Path: path, Err: ErrPassphrase, hint: "check the password file"}
	case err != nil:
		return nil, nil, damaged(path, err, "give a PKCS#12 file with one key and its certificate")
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, nil, damaged(path, fmt.Errorf("a %T cannot sign", parsed), "")
	}
	chain := [][]byte{leaf.Raw}
	for _, issuer := range issuers {
		chain = append(chain, issuer.Raw)
	}
	return key, chain, nil
}

// parseChainFile takes the certificates of a file that may hold a key too.
func parseChainFile(data []byte) ([][]byte, error) {
	if !looksLikePEM(data) {
		return SplitChain(data)
	}
	chain := pemCertificates(data)
	if len(chain) == 0 {
		return nil, errors.New("there is no certificate")
	}
	return chain, nil
}
