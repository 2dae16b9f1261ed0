package hsm

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// URI names a key in a token (RFC 7512). Of token, serial and slot-id exactly one is
// given, and of object and id at least one.
type URI struct {
	Token, Serial string
	Slot          *int
	Object        string // label
	ID            []byte
	Module        string // path of the library
}

const maxURI = 4096 // bytes

var errSecret = errors.New("a PIN has no place in it")

// ParseURI reads a PKCS#11 URI with a module-path. One with a PIN, or with an
// attribute that this program does not look at, is refused.
func ParseURI(text string) (URI, error) {
	var u URI
	rest, found := strings.CutPrefix(text, "pkcs11:")
	if !found || len(text) > maxURI {
		return u, errors.New(`it begins with "pkcs11:"`)
	}
	path, query, _ := strings.Cut(rest, "?")
	seen := map[string]bool{}
	for _, part := range []struct{ text, separator string }{{path, ";"}, {query, "&"}} {
		for _, attribute := range strings.Split(part.text, part.separator) {
			if part.text == "" {
				continue
			}
			name, value, ok := strings.Cut(attribute, "=")
			if !ok || seen[name] || value == "" {
				return URI{}, fmt.Errorf("the attribute %q is empty, or there twice", printable(name))
			}
			seen[name] = true
			if err := u.set(name, value); err != nil {
				return URI{}, err
			}
		}
	}
	return u, u.check()
}

// set takes one attribute. An error does not repeat its value: it may be a secret.
func (u *URI) set(name, value string) error {
	plain, err := url.PathUnescape(value)
	if err != nil || strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r == 0x7F }) && name != "id" {
		return fmt.Errorf("the attribute %q cannot be read", printable(name))
	}
	switch name {
	case "token":
		u.Token = plain
	case "serial":
		u.Serial = plain
	case "slot-id":
		slot, err := strconv.ParseUint(plain, 10, 31)
		if err != nil {
			return errors.New("slot-id is a number")
		}
		number := int(slot)
		u.Slot = &number
	case "object":
		u.Object = plain
	case "id":
		u.ID = []byte(plain)
	case "type":
		if plain != "private" {
			return errors.New("type can be private alone")
		}
	case "module-path":
		u.Module = plain
	case "pin-value", "pin-source":
		return errSecret
	default:
		return fmt.Errorf("the attribute %q is not looked at", printable(name))
	}
	return nil
}

func (u URI) check() error {
	tokens := 0
	for _, given := range []bool{u.Token != "", u.Serial != "", u.Slot != nil} {
		if given {
			tokens++
		}
	}
	switch {
	case tokens != 1:
		return errors.New("it names the token by one of token, serial and slot-id")
	case u.Object == "" && len(u.ID) == 0:
		return errors.New("it names the key by object, id, or both")
	case !filepath.IsAbs(u.Module):
		return errors.New("it has a module-path, which is the absolute path of the PKCS#11 library")
	}
	return nil
}

func printable(s string) string { return strings.Trim(strconv.QuoteToASCII(s), `"`) }

// Error says why there is no key.
type Error struct {
	Object string // of the URI: its label, or its id in hex
	Err    error
	hint   string
}

func (e *Error) Error() string { return "the key " + e.Object + " in the token: " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Hint tells the operator what to do.
func (e *Error) Hint() string { return e.hint }

func (u URI) fail(err error, hint string) error {
	name := printable(u.Object)
	if name == "" {
		name = hex.EncodeToString(u.ID)
	}
	return &Error{Object: name, Err: err, hint: hint}
}

const uriHint = "write it like pkcs11:token=plant;object=ca?module-path=/usr/lib/softhsm/libsofthsm2.so; the PIN comes from --ca-passphrase-file"

func parse(text string) (URI, error) {
	u, err := ParseURI(text)
	if err != nil {
		return u, &Error{Object: "that a PKCS#11 URI names", Err: err, hint: uriHint}
	}
	return u, nil
}
