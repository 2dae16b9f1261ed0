package secureconv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/gopcua/opcua/ua"
)

func TestSecret(t *testing.T) {
	nonce := bytes.Repeat([]byte{3}, 32)
	for _, policy := range policies {
		for _, bits := range []int{2048, 3072} {
			id := serverID[bits]()
			for _, n := range []int{0, 1, 100, 190, 5000} {
				secret := bytes.Repeat([]byte{'s'}, n)
				data, algorithm, err := EncryptSecret(policy, id.Leaf(), secret, nonce)
				if err != nil || algorithm == "" {
					t.Fatalf("%s %d: %q, %v", policy, n, algorithm, err)
				}
				clear(secret)
				got, err := DecryptSecret(policy, id.Key, data, nonce)
				if err != nil || len(got) != n || bytes.Count(got, []byte{'s'}) != n {
					t.Errorf("%s %d: got %d bytes, %v", policy, n, len(got), err)
				}
			}
		}
	}
}

func TestSecretRefused(t *testing.T) {
	id, nonce := serverID[2048](), bytes.Repeat([]byte{3}, 32)
	raw := func(plain []byte) []byte {
		alg, err := asymmetric(policies[0], nil, &id.Key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		data, err := alg.Encrypt(plain)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	length := func(n uint32, rest ...byte) []byte {
		return append(binary.LittleEndian.AppendUint32(nil, n), rest...)
	}
	good := raw(length(36, append([]byte("pass"), nonce...)...))
	padded := raw(append(length(36, append([]byte("pass"), nonce...)...), make([]byte, 50)...))
	for name, data := range map[string][]byte{"plain": good, "padded block": padded} {
		if got, err := DecryptSecret(policies[0], id.Key, data, nonce); err != nil || string(got) != "pass" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	changed := bytes.Clone(good)
	changed[5] ^= 1
	for name, data := range map[string][]byte{
		"empty":          {},
		"part of block":  good[:100],
		"changed":        changed,
		"no length":      raw([]byte{1, 2}),
		"length beyond":  raw(length(37, append([]byte("pass"), nonce...)...)),
		"length 2^32-1":  raw(length(0xFFFFFFFF, nonce...)),
		"shorter":        raw(length(31, nonce...)),
		"other nonce":    raw(length(36, append([]byte("pass"), make([]byte, 32)...)...)),
		"too many":       bytes.Repeat(good, maxSecretBlocks+1),
		"other key used": bytes.Repeat([]byte{1}, 384),
	} {
		if _, err := DecryptSecret(policies[0], id.Key, data, nonce); !errors.Is(err, ua.StatusBadIdentityTokenInvalid) {
			t.Errorf("%s: got %v, want Bad_IdentityTokenInvalid", name, err)
		}
	}
	if _, _, err := EncryptSecret(ua.SecurityPolicyURINone, id.Leaf(), []byte("x"), nonce); !errors.Is(err, ua.StatusBadSecurityPolicyRejected) {
		t.Errorf("without a policy: got %v", err)
	}
}

func TestSignature(t *testing.T) {
	id := clientID[2048]()
	for _, policy := range policies {
		sig, err := Sign(policy, id.Key, nil, []byte("certificate"), []byte("nonce"))
		if err != nil {
			t.Fatal(err)
		}
		if err := VerifySignature(policy, id.Leaf(), sig, []byte("certificatenonce")); err != nil {
			t.Errorf("%s: %v", policy, err)
		}
		for name, err := range map[string]error{
			"other data":  VerifySignature(policy, id.Leaf(), sig, []byte("certificate")),
			"other key":   VerifySignature(policy, strangerID().Leaf(), sig, []byte("certificatenonce")),
			"none":        VerifySignature(policy, id.Leaf(), nil, []byte("certificatenonce")),
			"empty":       VerifySignature(policy, id.Leaf(), &ua.SignatureData{}, []byte("certificatenonce")),
			"algorithm":   VerifySignature(policy, id.Leaf(), &ua.SignatureData{Algorithm: "x", Signature: sig.Signature}, []byte("certificatenonce")),
			"certificate": VerifySignature(policy, []byte{1}, sig, []byte("certificatenonce")),
		} {
			if !errors.Is(err, ua.StatusBadApplicationSignatureInvalid) {
				t.Errorf("%s: got %v, want Bad_ApplicationSignatureInvalid", name, err)
			}
		}
	}
	if sig, err := Sign(ua.SecurityPolicyURINone, nil, nil); err != nil || len(sig.Signature) != 0 {
		t.Errorf("without security: got %v, %v", sig, err)
	}
	if _, err := Sign(ua.SecurityPolicyURIBasic256, id.Key, nil); !errors.Is(err, ua.StatusBadSecurityPolicyRejected) {
		t.Errorf("weak policy: got %v", err)
	}
}
