//go:build !pkcs11

package hsm

import (
	"crypto"
	"errors"

	"github.com/uapush/uapush/pki"
)

// Built says whether this program can use tokens.
const Built = false

// ErrNotBuilt says that it cannot.
var ErrNotBuilt = errors.New("this program was built without PKCS#11")

// Key refuses: a token needs a program that was built for it.
func Key(text string, _ []byte, _ pki.KeyKind) (crypto.Signer, error) {
	u, err := parse(text)
	if err != nil {
		return nil, err
	}
	return nil, u.fail(ErrNotBuilt, "build it with make hsm (go build -tags pkcs11 ./cmd/uapush), which needs a C compiler")
}
