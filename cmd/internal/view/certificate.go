package view

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uapush/uapush/pki"
)

// Certificate shows one certificate, under a title where there is one.
func (v View) Certificate(title string, cert *x509.Certificate) error {
	d := pki.Describe(cert)
	return v.Result(versioned{certificateSchema, d}, func(t *Text) {
		if title != "" {
			t.Line("%s", Clean(title))
		}
		t.certificate(d)
	}, []string{d.SHA256})
}

// certificate prints what a certificate is, and in the same columns what else there
// is to say of it.
func (t *Text) certificate(d pki.Description, more ...[]string) {
	t.Rows(nil, append(certificateRows(d), more...))
}

func certificateRows(d pki.Description) [][]string {
	rows := [][]string{{"subject", Clean(d.Subject)}}
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, Clean(value)})
		}
	}
	if d.SelfSigned {
		add("issuer", "itself")
	} else {
		add("issuer", d.Issuer)
	}
	add("ApplicationUri", d.ApplicationURI)
	add("names", strings.Join(append(d.DNSNames, d.IPAddresses...), ", "))
	add("key", d.Key)
	add("valid", validity(d.NotBefore, d.NotAfter, time.Now()))
	add("usages", strings.Join(append(d.KeyUsage, d.ExtendedKeyUsage...), ", "))
	for _, text := range d.NameConstraints {
		add("certifies", text)
	}
	add("serial", d.Serial)
	add("SHA-1", d.Thumbprint)
	add("SHA-256", d.SHA256)
	for _, p := range d.Problems {
		add("problem", fmt.Sprintf("%s: %s", p.Rule, p.Text))
	}
	return rows
}

// validity tells the end of a certificate as time left.
func validity(from, to, now time.Time) string {
	span := fmt.Sprintf("%s to %s", from.UTC().Format(time.DateOnly), to.UTC().Format(time.DateOnly))
	switch {
	case to.IsZero():
		return fmt.Sprintf("since %s", from.UTC().Format(time.DateOnly))
	case now.Before(from):
		return span + ", not yet valid"
	case now.After(to):
		return span + ", expired"
	}
	if left := to.Sub(now); left < 48*time.Hour {
		hours := int(left.Hours())
		return fmt.Sprintf("%s, %d %s left", span, hours, plural(hours, "hour", "hours"))
	}
	return fmt.Sprintf("%s, %d days left", span, int(to.Sub(now).Hours()/24))
}

// Version shows what was built, and from what.
func (v View) Version(version, revision, goVersion string) error {
	value := struct {
		Version  string `json:"version"`
		Revision string `json:"revision,omitempty"`
		Go       string `json:"go"`
	}{version, revision, goVersion}
	return v.Result(versioned{versionSchema, value}, func(t *Text) {
		t.Line("%s", strings.Join(slices.DeleteFunc([]string{"uapush", version, revision, goVersion}, func(s string) bool { return s == "" }), " "))
	}, []string{version})
}
