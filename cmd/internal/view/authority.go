package view

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/uapush/uapush/pki"
)

// authority is the built-in CA, or one above it.
type authority struct {
	Certificate pki.Description `json:"certificate"`
	CRL         *crlInfo        `json:"crl"`
}

// Authority shows the built-in CA, those above it, and what it issued, without the
// certificates.
func (v View) Authority(ca pki.Authority, records []pki.LedgerRecord) error {
	now := time.Now()
	value := struct {
		Directory string `json:"directory"`
		authority
		Issuers []authority        `json:"issuers,omitempty"` // one after the other, up to the root
		Ledger  []pki.LedgerRecord `json:"ledger"`
	}{Directory: ca.Dir, Ledger: append([]pki.LedgerRecord{}, records...)}
	for i, cert := range ca.Chain {
		one := authority{pki.Describe(cert), crlInfoOf(ca.CRLs[i], now)}
		if i == 0 {
			value.authority = one
		} else {
			value.Issuers = append(value.Issuers, one)
		}
	}
	for i := range value.Ledger {
		value.Ledger[i].Certificate, value.Ledger[i].Issuers = nil, nil
	}
	return v.Result(versioned{authoritySchema, value}, func(t *Text) {
		t.Line("certificate authority in %s", ca.Dir)
		t.certificate(value.Certificate)
		t.Line("%s", value.CRL)
		for _, issuer := range value.Issuers {
			t.Line("")
			t.Line("below %s, %s, SHA-256 %s", Clean(issuer.Certificate.Subject), validity(issuer.Certificate.NotBefore, issuer.Certificate.NotAfter, now), issuer.Certificate.SHA256)
			t.Line("%s", issuer.CRL)
		}
		t.Line("")
		t.issuedRows(records)
	}, []string{value.Certificate.SHA256})
}

func (t *Text) issuedRows(records []pki.LedgerRecord) {
	var rows [][]string
	for _, r := range records {
		if r.Event == pki.EventIssued {
			until := ""
			if r.NotAfter != nil {
				until = r.NotAfter.UTC().Format(time.DateOnly)
			}
			rows = append(rows, []string{r.Time.UTC().Format(time.DateTime), fmt.Sprintf("%.16s", r.Serial), until, Clean(r.Subject)})
		}
	}
	if len(rows) == 0 {
		t.Line("No certificate has been issued.")
		return
	}
	t.Rows([]string{"ISSUED", "SERIAL", "UNTIL", "SUBJECT"}, rows)
}

type crlInfo struct {
	Issuer     string    `json:"issuer"`
	Number     string    `json:"number"`
	ThisUpdate time.Time `json:"thisUpdate"`
	NextUpdate time.Time `json:"nextUpdate"`
	Revoked    int       `json:"revoked"`
	Outdated   bool      `json:"outdated,omitempty"`
}

func crlInfoOf(l *x509.RevocationList, now time.Time) *crlInfo {
	if l == nil {
		return nil
	}
	info := crlInfo{
		Issuer: pki.FormatSubject(l.Issuer), ThisUpdate: l.ThisUpdate.UTC(), NextUpdate: l.NextUpdate.UTC(),
		Revoked: len(l.RevokedCertificateEntries), Outdated: !l.NextUpdate.IsZero() && now.After(l.NextUpdate),
	}
	if l.Number != nil {
		info.Number = l.Number.String()
	}
	return &info
}

// rows tell of a CRL line by line.
func (i *crlInfo) rows() [][]string {
	rows := [][]string{{"issuer", Clean(i.Issuer)}}
	if i.Number != "" {
		rows = append(rows, []string{"number", i.Number})
	}
	return append(rows, []string{"valid", validity(i.ThisUpdate, i.NextUpdate, time.Now())},
		[]string{"revoked", fmt.Sprintf("%d %s", i.Revoked, plural(i.Revoked, "certificate", "certificates"))})
}

func (i *crlInfo) String() string {
	if i == nil {
		return "no CRL"
	}
	text := fmt.Sprintf("CRL %s, next update %s, %d revoked", i.Number, i.NextUpdate.Format(time.DateOnly), i.Revoked)
	if i.Outdated {
		text += ", outdated"
	}
	return text
}
