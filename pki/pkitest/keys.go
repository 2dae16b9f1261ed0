// Package pkitest makes keys, certificates and CRLs for tests, at run time. It
// uses crypto/x509 alone, so that what it makes judges pki from outside.
package pkitest

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"
)

// Keys is how many different keys there are.
const Keys = 8

var keys = func() [Keys]func() *rsa.PrivateKey {
	var table [Keys]func() *rsa.PrivateKey
	for i := range table {
		table[i] = sync.OnceValue(func() *rsa.PrivateKey { return generate(2048) })
	}
	return table
}()

var (
	short = sync.OnceValue(func() *rsa.PrivateKey { return generate(1024) })
	long  = sync.OnceValue(func() *rsa.PrivateKey { return generate(3072) })
)

// Key is the i-th RSA key of 2048 bits, 0 <= i < Keys: the same one for the whole
// process, since making one takes a tenth of a second and more.
func Key(i int) *rsa.PrivateKey { return keys[i]() }

// ShortKey is an RSA key of 1024 bits, too short for every current policy.
func ShortKey() *rsa.PrivateKey { return short() }

// LongKey is an RSA key of 3072 bits.
func LongKey() *rsa.PrivateKey { return long() }

func generate(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic("pkitest: " + err.Error()) // the system has no randomness
	}
	return key
}
