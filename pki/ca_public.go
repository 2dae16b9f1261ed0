package pki

import (
	"encoding/pem"
	"errors"
	"path/filepath"
)

// ReadCALedger reads what the CA of a directory has issued and revoked, oldest
// first. No passphrase is needed for that.
func ReadCALedger(dir string) ([]LedgerRecord, error) {
	records, _, err := readLedger(filepath.Join(dir, CALedgerFile))
	return records, err
}

// ParseRequest reads a PKCS#10 request, PEM or DER, and returns its DER. What it
// says is not judged; see CheckRequest.
func ParseRequest(data []byte) ([]byte, error) {
	if block, _ := pem.Decode(data); block != nil {
		if block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST" {
			return nil, errors.New("the file holds a " + printable(block.Type) + ", not a certificate request")
		}
		data = block.Bytes
	}
	if _, err := parseRequest(data); err != nil {
		return nil, err
	}
	return data, nil
}
