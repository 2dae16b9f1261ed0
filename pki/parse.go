package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
)

const (
	// MaxChainLength bounds the certificates of one chain.
	MaxChainLength = 10
	// MaxFileSize bounds every certificate, key and request file, in bytes.
	MaxFileSize = 4 << 20
	maxBundle   = 4096 // certificates and CRLs in one file
)

// SplitChain cuts the certificates of one ByteString apart: DER end to end, leaf
// first (OPC 10000-6, 6.2.6). Only the outer framing is read; the parts share the
// input's memory. Empty input, trailing bytes and more than MaxChainLength parts
// are errors.
func SplitChain(der []byte) ([][]byte, error) { return splitDER(der, MaxChainLength) }

func splitDER(der []byte, limit int) ([][]byte, error) {
	if len(der) == 0 {
		return nil, errors.New("there is no certificate")
	}
	var parts [][]byte
	for offset := 0; offset < len(der); {
		if len(parts) == limit {
			return nil, fmt.Errorf("there are more than %d certificates in one chain", limit)
		}
		var element asn1.RawValue
		_, err := asn1.Unmarshal(der[offset:], &element)
		if err != nil || element.Class != asn1.ClassUniversal || element.Tag != asn1.TagSequence || !element.IsCompound {
			return nil, fmt.Errorf("there is no DER certificate at byte %d", offset)
		}
		end := offset + len(element.FullBytes)
		parts = append(parts, der[offset:end:end])
		offset = end
	}
	return parts, nil
}

// JoinChain is the inverse of SplitChain.
func JoinChain(chain [][]byte) []byte {
	var joined []byte
	for _, der := range chain {
		joined = append(joined, der...)
	}
	return joined
}

// Bundle is what a trust file holds, in its order.
type Bundle struct {
	Certificates []*x509.Certificate
	CRLs         []*x509.RevocationList
}

// ParseBundle reads certificates and CRLs, as PEM blocks or as DER end to end.
// Anything else, a private key above all, is refused: a trust file is copied to
// servers.
func ParseBundle(data []byte) (Bundle, error) {
	var b Bundle
	if !looksLikePEM(data) {
		parts, err := splitDER(data, maxBundle)
		if err != nil {
			return Bundle{}, errors.New("this is neither PEM nor a DER certificate or CRL")
		}
		for i, der := range parts {
			if err := b.add(der, i+1); err != nil {
				return Bundle{}, err
			}
		}
		return b, nil
	}
	for i, rest := 1, data; ; i++ {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		switch {
		case block == nil && i == 1:
			return Bundle{}, errors.New("the PEM text holds no complete block")
		case block == nil:
			return b, nil
		case i > maxBundle:
			return Bundle{}, fmt.Errorf("there are more than %d blocks", maxBundle)
		case block.Type != "CERTIFICATE" && block.Type != "X509 CRL":
			return Bundle{}, fmt.Errorf("block %d is %q: only certificates and CRLs belong here", i, block.Type)
		}
		if err := b.add(block.Bytes, i); err != nil {
			return Bundle{}, err
		}
	}
}

func (b *Bundle) add(der []byte, position int) error {
	cert, certErr := x509.ParseCertificate(der)
	if certErr == nil {
		b.Certificates = append(b.Certificates, cert)
		return nil
	}
	crl, err := x509.ParseRevocationList(der)
	if err != nil {
		return fmt.Errorf("item %d is neither a certificate (%w) nor a CRL", position, certErr)
	}
	b.CRLs = append(b.CRLs, crl)
	return nil
}

// LoadBundle reads a trust file of at most MaxFileSize bytes.
func LoadBundle(path string) (Bundle, error) {
	data, err := ReadBounded(path, MaxFileSize)
	if err != nil {
		return Bundle{}, err
	}
	b, err := ParseBundle(data)
	if err != nil {
		return Bundle{}, &FileError{Path: path, Err: err, hint: "give certificates or CRLs as PEM or DER"}
	}
	return b, nil
}

// pemCertificates gives the certificates among PEM blocks of any kind.
func pemCertificates(text []byte) [][]byte {
	var chain [][]byte
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			return chain
		}
		if block.Type == "CERTIFICATE" {
			chain = append(chain, block.Bytes)
		}
	}
}

// EncodeCertificates writes a chain as PEM blocks.
func EncodeCertificates(chain [][]byte) []byte {
	var text []byte
	for _, der := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}

// ParseChain parses every certificate of a chain, leaf first.
func ParseChain(chain [][]byte) ([]*x509.Certificate, error) {
	switch {
	case len(chain) == 0:
		return nil, errors.New("there is no certificate")
	case len(chain) > MaxChainLength:
		return nil, fmt.Errorf("there are more than %d certificates in one chain", MaxChainLength)
	}
	certs := make([]*x509.Certificate, len(chain))
	for i, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the chain: %w", i+1, err)
		}
		certs[i] = cert
	}
	return certs, nil
}
