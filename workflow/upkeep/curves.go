package upkeep

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/pki"
)

// curves are the curves of the CertificateTypes (OPC 10000-12, 7.8.4).
var curves = map[config.NodeID]string{
	config.TypeEccNistP256: pki.CurveP256, config.TypeEccNistP384: pki.CurveP384,
	config.TypeEccBrainpoolP256r1: pki.CurveBrainpoolP256r1, config.TypeEccBrainpoolP384r1: pki.CurveBrainpoolP384r1,
	config.TypeEccCurve25519: pki.Curve25519, config.TypeEccCurve448: pki.Curve448,
}

// Fits says whether a certificate's key suits a CertificateType (OPC 10000-12,
// 7.8.4). Types that this program does not know take anything.
func Fits(cert *x509.Certificate, t config.NodeID) bool {
	if curve, known := curves[t]; known {
		return pki.Curve(cert) == curve
	}
	key, isRSA := cert.PublicKey.(*rsa.PublicKey)
	switch t {
	case config.TypeRsaMin:
		return isRSA && (key.N.BitLen() == 1024 || key.N.BitLen() == 2048)
	case config.TypeRsaSha256:
		return isRSA && key.N.BitLen() >= 2048 && key.N.BitLen() <= 4096
	}
	return true
}

// Makes says whether this program can make and check certificates of a type: not
// where the standard library lacks the curve.
func Makes(t config.NodeID) bool {
	curve := curves[t]
	return curve == "" || curve == pki.CurveP256 || curve == pki.CurveP384
}

// CanMake refuses a type before anything is asked of the server: *CurveError.
func CanMake(t config.NodeID) error {
	if Makes(t) {
		return nil
	}
	return &CurveError{Type: t}
}

// CurveError says that a certificate of a type can be neither made nor checked here.
type CurveError struct{ Type config.NodeID }

func (e *CurveError) Error() string {
	return fmt.Sprintf("this program has no %s: it can neither make nor check certificates of the type %s", curves[e.Type], config.CertificateTypeName(e.Type))
}

// Hint tells how to go on.
func (e *CurveError) Hint() string {
	return "use RsaSha256, EccNistP256 or EccNistP384; what the slot holds stays, and uapush cert list and cert show tell of it"
}
