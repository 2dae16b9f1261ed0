//go:build pkcs11

package hsm

import (
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/ThalesGroup/crypto11"
	"github.com/miekg/pkcs11"

	"github.com/uapush/uapush/pki"
)

// Built says whether this program can use tokens.
const Built = true

// What a token may lack. They arrive inside an *Error, as does pki.ErrPassphrase.
var (
	ErrNoKey     = errors.New("there is no such key")
	ErrAmbiguous = errors.New("there are several such keys")
)

// key is a key in a token, with the connection to it.
type key struct {
	crypto11.Signer
	token *crypto11.Context
}

// Close ends the connection.
func (k key) Close() error { return k.token.Close() }

// Key gives the key that a PKCS#11 URI names. Where it is not there, one of the kind
// is made in the token, sensitive and not extractable; without a kind that is
// ErrNoKey. Errors are *Error; the pin is in none of them. The key is an io.Closer.
func Key(text string, pin []byte, kind pki.KeyKind) (crypto.Signer, error) {
	u, err := parse(text)
	if err != nil {
		return nil, err
	}
	token, err := crypto11.Configure(&crypto11.Config{
		Path: u.Module, TokenLabel: u.Token, TokenSerial: u.Serial, SlotNumber: u.Slot, Pin: string(pin), MaxSessions: 4,
	})
	if err != nil {
		return nil, u.explain(err)
	}
	signer, err := u.find(token)
	if errors.Is(err, ErrNoKey) && kind != "" {
		signer, err = u.make(token, kind)
	}
	if err != nil {
		return nil, errors.Join(u.explain(err), token.Close())
	}
	return key{signer, token}, nil
}

func (u URI) find(token *crypto11.Context) (crypto11.Signer, error) {
	found, err := token.FindKeyPairs(u.ID, []byte(u.Object))
	switch {
	case err != nil:
		return nil, fmt.Errorf("look for the key: %w", err)
	case len(found) == 0:
		return nil, ErrNoKey
	case len(found) > 1:
		return nil, ErrAmbiguous
	}
	return found[0], nil
}

func (u URI) make(token *crypto11.Context, kind pki.KeyKind) (crypto11.Signer, error) {
	id := u.ID
	if len(id) == 0 {
		id = make([]byte, 16)
		if _, err := rand.Read(id); err != nil {
			return nil, err
		}
	}
	label := []byte(u.Object)
	if len(label) == 0 {
		label = []byte("uapush")
	}
	bits, curve := kind.Parameters()
	switch {
	case bits > 0:
		return token.GenerateRSAKeyPairWithLabel(id, label, bits)
	case curve != nil:
		return token.GenerateECDSAKeyPairWithLabel(id, label, curve)
	}
	return nil, fmt.Errorf("there is no kind of key %q", kind)
}

// explain turns what a module says into what an operator can do.
func (u URI) explain(err error) error {
	var code pkcs11.Error
	switch {
	case errors.Is(err, ErrNoKey):
		return u.fail(err, "see what is in the token, for instance with pkcs11-tool --list-objects; uapush ca init --hsm makes one")
	case errors.Is(err, ErrAmbiguous):
		return u.fail(err, "name the key by id, too")
	case errors.As(err, &code) && (code == pkcs11.CKR_PIN_INCORRECT || code == pkcs11.CKR_PIN_LEN_RANGE || code == pkcs11.CKR_PIN_INVALID):
		return u.fail(pki.ErrPassphrase, "it is the user's PIN of the token; many tokens lock themselves after some wrong ones")
	case errors.As(err, &code) && code == pkcs11.CKR_PIN_LOCKED:
		return u.fail(err, "the token has locked itself: its security officer can set a new PIN")
	}
	return u.fail(err, "check that the module exists, that the token is there, and that this user may use it")
}
