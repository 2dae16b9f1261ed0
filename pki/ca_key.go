package pki

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

const tokenHint = "give the token's PIN with --ca-passphrase-file FILE"

// newKey makes a CA's key, or takes the one that a token has.
func (o CAOptions) newKey() (crypto.Signer, error) {
	kind := cmp.Or(o.Key, caDefaultKey)
	switch {
	case o.TokenURI == "":
		return kind.generate()
	case o.Token == nil:
		return nil, errors.New("keys in tokens are not supported here")
	}
	key, err := o.Token(o.TokenURI, o.Passphrase, kind)
	if err != nil {
		return nil, err
	}
	if have := KeyKindOf(key.Public()); have == "" || o.Key != "" && have != o.Key {
		closeKey(key)
		return nil, &FileError{Path: o.TokenURI, Err: fmt.Errorf("%w: the token has a key of another kind", ErrMismatch), hint: "name another object, or say what it is with --key " + string(have)}
	}
	return key, nil
}

// storeKey comes before what makes the CA exist, so that a crash in between leaves
// a directory that can be filled again. The certificate is for PKCS#12.
func (ca *CA) storeKey(o CAOptions, cert *x509.Certificate) error {
	name, data, err := CAPlainKeyFile, []byte(nil), error(nil)
	switch {
	case o.TokenURI != "":
		name, data = CATokenFile, []byte(o.TokenURI+"\n")
	case o.NoPassphrase:
		data, err = EncodePrivateKey(FormatPEM, ca.key, nil)
	default:
		name = CAEncryptedKeyFile
		data, err = pkcs12.Modern2023.WithIterations(caKDFIterations).Encode(ca.key, cert, nil, string(o.Passphrase))
	}
	if err != nil {
		return err
	}
	for _, stale := range []string{CAPlainKeyFile, CAEncryptedKeyFile, CATokenFile} { // of an Init that was cut short
		if err := os.Remove(ca.path(stale)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return WriteFileAtomic(ca.path(name), data, 0o600)
}

// CANeedsPassphrase reports whether the CA's key in dir is stored encrypted.
func CANeedsPassphrase(dir string) bool { return !missing(filepath.Join(dir, CAEncryptedKeyFile)) }

func loadCAKey(dir string, o CAOptions) (crypto.Signer, error) {
	key, path, err := readCAKey(dir, o)
	if err == nil && KeyKindOf(key.Public()) == "" {
		closeKey(key)
		err = damaged(path, errors.New("the key is of a kind that this program does not sign with"), "use one of "+strings.Join(KeyKinds(), ", "))
	}
	return key, err
}

func readCAKey(dir string, o CAOptions) (key crypto.Signer, path string, err error) {
	switch encrypted, token := filepath.Join(dir, CAEncryptedKeyFile), filepath.Join(dir, CATokenFile); {
	case !missing(encrypted) && len(o.Passphrase) == 0:
		return nil, encrypted, &FileError{Path: encrypted, Err: ErrPassphraseNeeded, hint: "give --ca-passphrase-file FILE"}
	case !missing(encrypted):
		key, _, err := decodePKCS12(encrypted, o.Passphrase)
		return key, encrypted, err
	case !missing(token) && len(o.Passphrase) == 0:
		return nil, token, &FileError{Path: token, Err: ErrPassphraseNeeded, hint: tokenHint}
	case !missing(token):
		key, err := o.tokenKey(token)
		return key, token, err
	}
	path = filepath.Join(dir, CAPlainKeyFile)
	if err := checkPrivate(path); err != nil {
		return nil, path, err
	}
	data, err := ReadBounded(path, MaxFileSize)
	if err != nil {
		return nil, path, err
	}
	if key, err = ParseAnyKey(data); err != nil {
		err = damaged(path, err, "restore the CA's directory from a backup")
	}
	return key, path, err
}

// tokenKey opens the key that a file names. The URI names a library, too, which this
// process loads: nobody else may have written it.
func (o CAOptions) tokenKey(path string) (crypto.Signer, error) {
	if err := checkPrivate(path); err != nil {
		return nil, err
	}
	uri, err := ReadBounded(path, MaxFileSize)
	if err != nil {
		return nil, err
	}
	if o.Token == nil {
		return nil, &FileError{Path: path, Err: errors.New("keys in tokens are not supported here")}
	}
	return o.Token(strings.TrimSpace(string(uri)), o.Passphrase, "")
}

func closeKey(key crypto.Signer) {
	if c, ok := key.(io.Closer); ok {
		_ = c.Close() // what was signed is on the disk
	}
}
