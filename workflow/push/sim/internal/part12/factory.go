package part12

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"

	"github.com/uapush/uapush/config"
)

// factoryLeft is how long the factory's certificate is still valid at first.
const factoryLeft = 10 * day

// brainpoolPoint is the generator of brainpoolP256r1 (RFC 5639, 3.4): a public key
// whose private key nobody here uses.
const brainpoolPoint = "04" +
	"8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262" +
	"547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997"

var (
	oidECPublicKey     = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidBrainpoolP256r1 = asn1.ObjectIdentifier{1, 3, 36, 3, 3, 2, 8, 1, 1, 7}
	oidSHA256WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
)

// factorySlot is what a slot for a curve that the standard library lacks comes
// with: a certificate that ends soon, of a CA that nobody knows. nil is an empty slot.
func (a *Application) factorySlot(kind config.NodeID, c content) ([][]byte, error) {
	if kind != config.TypeEccBrainpoolP256r1 {
		return nil, nil
	}
	key, err := a.d.opt.GenerateKey(2048)
	if err != nil {
		return nil, err
	}
	c.to = a.d.opt.Clock().Add(factoryLeft)
	c.from = c.to.Add(-365 * day)
	der, err := c.brainpool(key)
	return [][]byte{der}, err
}

// brainpool has a certificate made for another key, and puts the key of the curve
// into it before it is signed.
func (c content) brainpool(ca *rsa.PrivateKey) ([]byte, error) {
	id, err := keyID(ca.Public())
	if err != nil {
		return nil, err
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Factory CA", Organization: []string{"uapush sim"}}, SubjectKeyId: id}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: c.subject, NotBefore: c.from, NotAfter: c.to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: c.extended, BasicConstraintsValid: true,
		DNSNames: c.names.dns, IPAddresses: c.names.ips, SignatureAlgorithm: x509.SHA256WithRSA,
	}
	if c.names.uri != nil {
		t.URIs = append(t.URIs, c.names.uri)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, t, issuer, other.Public(), ca)
	if err != nil {
		return nil, err
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	tbs, err := withKey(made, brainpoolKey())
	if err != nil {
		return nil, err
	}
	return signed(tbs, ca)
}

// brainpoolKey is a SubjectPublicKeyInfo (RFC 5480, 2).
func brainpoolKey() []byte {
	point, _ := hex.DecodeString(brainpoolPoint)
	curve, _ := asn1.Marshal(oidBrainpoolP256r1)
	der, _ := asn1.Marshal(struct { // constants can be encoded
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}{
		pkix.AlgorithmIdentifier{Algorithm: oidECPublicKey, Parameters: asn1.RawValue{FullBytes: curve}},
		asn1.BitString{Bytes: point, BitLength: 8 * len(point)},
	})
	return der
}

// withKey is the TBSCertificate of a certificate with another public key.
func withKey(c *x509.Certificate, key []byte) ([]byte, error) {
	var tbs asn1.RawValue
	if _, err := asn1.Unmarshal(c.RawTBSCertificate, &tbs); err != nil {
		return nil, err
	}
	tbs.FullBytes, tbs.Bytes = nil, bytes.Replace(tbs.Bytes, c.RawSubjectPublicKeyInfo, key, 1)
	return asn1.Marshal(tbs)
}

func signed(tbs []byte, key *rsa.PrivateKey) ([]byte, error) {
	sum := sha256.Sum256(tbs)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{
		asn1.RawValue{FullBytes: tbs},
		pkix.AlgorithmIdentifier{Algorithm: oidSHA256WithRSA, Parameters: asn1.NullRawValue},
		asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
}
