package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
)

// The curves of OPC 10000-7 by their names there, and what else a certificate's key
// may say it is (RFC 5639, RFC 8410). The standard library has the first two.
const (
	CurveP256            = "P-256"
	CurveP384            = "P-384"
	CurveBrainpoolP256r1 = "brainpoolP256r1"
	CurveBrainpoolP384r1 = "brainpoolP384r1"
	Curve25519           = "Ed25519"
	Curve448             = "Ed448"
)

var curveOIDs = map[string]string{
	"1.3.36.3.3.2.8.1.1.7": CurveBrainpoolP256r1, "1.3.36.3.3.2.8.1.1.11": CurveBrainpoolP384r1, "1.3.132.0.10": "secp256k1",
}

var algorithmOIDs = map[string]string{"1.3.101.112": Curve25519, "1.3.101.113": Curve448, "1.3.101.110": "X25519", "1.3.101.111": "X448"}

var oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}

// Curve names the curve of a certificate's key; "" for RSA, or what nobody names.
func Curve(cert *x509.Certificate) string {
	switch key := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return key.Curve.Params().Name
	case ed25519.PublicKey:
		return Curve25519
	}
	return keyInfoName(cert.RawSubjectPublicKeyInfo)
}

// keyInfo is a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7).
type keyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

func keyInfoName(der []byte) string {
	var info keyInfo
	if rest, err := asn1.Unmarshal(der, &info); err != nil || len(rest) > 0 {
		return ""
	}
	if !info.Algorithm.Algorithm.Equal(oidECPublicKey) {
		return algorithmOIDs[info.Algorithm.Algorithm.String()]
	}
	var curve asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &curve); err != nil {
		return ""
	}
	if name := curveOIDs[curve.String()]; name != "" {
		return name
	}
	return "curve " + curve.String()
}

// ReadCertificate reads a certificate to look at it, also one whose key is on a
// curve that the standard library lacks: its PublicKey is nil, and everything else is
// there. Nothing can be checked with such a key, and no signature be made.
func ReadCertificate(der []byte) (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(der)
	if err == nil {
		return cert, nil
	}
	other, tbs, info := withReadableKey(der)
	if other == nil {
		return nil, err
	}
	if cert, _ = x509.ParseCertificate(other); cert == nil {
		return nil, err
	}
	cert.Raw, cert.RawTBSCertificate, cert.RawSubjectPublicKeyInfo = bytes.Clone(der), bytes.Clone(tbs), bytes.Clone(info)
	cert.PublicKey = nil
	return cert, nil
}

// otherCurve names the curve of the key in a signed structure, a certificate or a
// request, that the standard library could not read; "" where that is not why.
func otherCurve(der []byte) string {
	var outer struct {
		Content   asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 {
		return ""
	}
	_, info := findKeyInfo(outer.Content.Bytes)
	if _, err := x509.ParsePKIXPublicKey(info); err == nil || info == nil {
		return ""
	}
	return keyInfoName(info)
}

// withReadableKey puts a key that can be read into a certificate in the place of one
// on an unknown curve, and gives the parts that had to be changed; nil is none.
func withReadableKey(der []byte) (changed, tbs, info []byte) {
	var outer struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 || outer.TBS.Tag != asn1.TagSequence {
		return nil, nil, nil
	}
	at, info := findKeyInfo(outer.TBS.Bytes)
	if info == nil {
		return nil, nil, nil
	}
	tbs = outer.TBS.FullBytes
	content := append(append(bytes.Clone(outer.TBS.Bytes[:at]), standIn()...), outer.TBS.Bytes[at+len(info):]...)
	outer.TBS.FullBytes, outer.TBS.Bytes = nil, content
	changed, err := asn1.Marshal(outer)
	if err != nil {
		return nil, nil, nil
	}
	return changed, tbs, info
}

// findKeyInfo looks for a key on an elliptic curve among the fields of a
// TBSCertificate: it follows the subject, the sixth of them.
func findKeyInfo(fields []byte) (at int, info []byte) {
	for range 7 { // with the version
		var field asn1.RawValue
		rest, err := asn1.Unmarshal(fields[at:], &field)
		if err != nil {
			return 0, nil
		}
		var found keyInfo
		if left, err := asn1.Unmarshal(field.FullBytes, &found); err == nil && len(left) == 0 && found.Algorithm.Algorithm.Equal(oidECPublicKey) {
			return at, field.FullBytes
		}
		at = len(fields) - len(rest)
	}
	return 0, nil
}

// standIn is a public key that the standard library can read: the generator of P-256.
func standIn() []byte {
	p := elliptic.P256().Params()
	point := make([]byte, 65)
	point[0] = 4 // uncompressed
	p.Gx.FillBytes(point[1:33])
	p.Gy.FillBytes(point[33:])
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		panic(err) // a constant
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err) // likewise
	}
	return der
}
