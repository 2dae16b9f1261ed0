package pki

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ExecSigner is an Issuer that has a program sign: step, openssl, vault, an EST
// client, or a script around them.
//
// The protocol: the program runs without a shell, its arguments cut at blanks. It
// gets the request as PEM on standard input, and in its environment, beside that of
// this process,
//
//	UAPUSH_APPLICATION_URI   the ApplicationUri that subjectAltName must have
//	UAPUSH_DNS_NAMES         names to certify beside the request's, between commas
//	UAPUSH_IP_ADDRESSES      addresses, likewise
//	UAPUSH_SUBJECT           the subject wanted, as CN=…/O=…; empty is the request's
//	UAPUSH_VALIDITY_DAYS     how long it should be valid
//	UAPUSH_USAGE             server or client: the extended key usages that are needed
//	UAPUSH_SERVER            the server's URL
//	UAPUSH_GROUP             the CertificateGroup
//	UAPUSH_TYPE              the CertificateType, by its short name
//
// It writes the chain as PEM on standard output, the new certificate first, and
// exits with 0. Its standard error is shown when it does not.
type ExecSigner struct {
	Command string        // program and arguments
	Timeout time.Duration // 0 is a minute
	Ledger  string        // file that records issuances; its folder must exist
	Now     func() time.Time
}

var _ Issuer = (*ExecSigner)(nil)

const (
	signerTimeout   = time.Minute
	maxSignerOutput = 1 << 20 // bytes
	maxSignerErrors = 4 << 10
	maxStoredChain  = 64 << 10 // what a line of the ledger may hold
)

// SignerError says that the program did not sign.
type SignerError struct {
	Program string
	Err     error
	Stderr  string // its last words, bounded and printable
}

func (e *SignerError) Error() string {
	text := fmt.Sprintf("the signer %s failed: %v", e.Program, e.Err)
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}
func (e *SignerError) Unwrap() error { return e.Err }

// Hint tells the operator what to do.
func (e *SignerError) Hint() string {
	return "run the program by hand with the request that uapush cert csr writes; nothing was sent to the server"
}

// Issue checks the request, has it signed, and checks that the answer fits it: the
// key, the ApplicationUri, the signatures of the chain. Between the program's answer
// and the ledger's line a crash loses the certificate, and r.Since finds nothing.
func (s *ExecSigner) Issue(ctx context.Context, csrDER []byte, r Request) ([][]byte, error) {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	csr, err := parseRequest(csrDER)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(checkRequest(csr, r.ApplicationURI), checkSlotKey(csr, r.Slot), r.checkWords()); err != nil {
		return nil, err
	}
	records, _, err := readLedger(s.Ledger)
	if err != nil {
		return nil, err
	}
	if prior := priorIssuance(records, csrDER, r, now(), r.fits); prior != nil {
		return rawChain(prior), nil
	}
	output, err := s.run(ctx, csrDER, r)
	if err != nil {
		return nil, err
	}
	chain := pemCertificates(output)
	if err := CheckIssued(chain, csrDER, r.ApplicationURI, now()); err != nil {
		return nil, err
	}
	if n := len(JoinChain(chain)); n > maxStoredChain {
		return nil, &IssuedError{RequestStructure, fmt.Sprintf("a chain of %d bytes", n), fmt.Sprintf("at most %d", maxStoredChain)}
	}
	if err := s.record(ctx, chain, csrDER, r, now()); err != nil {
		return nil, err
	}
	return chain, nil
}

func (s *ExecSigner) run(ctx context.Context, csrDER []byte, r Request) ([]byte, error) {
	words := strings.Fields(s.Command)
	if len(words) == 0 {
		return nil, &SignerError{Program: "exec", Err: errors.New("no program is named")}
	}
	ctx, cancel := context.WithTimeout(ctx, orDefault(s.Timeout, signerTimeout))
	defer cancel()
	out, complaints := &boundedBuffer{limit: maxSignerOutput}, &tailBuffer{limit: maxSignerErrors}
	c := exec.CommandContext(ctx, words[0], words[1:]...)
	c.Stdin = bytes.NewReader(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csrDER}))
	c.Stdout, c.Stderr = out, complaints
	c.Env = append(os.Environ(), r.environment()...)
	c.WaitDelay = time.Second // for children that keep the pipes open
	err := c.Run()
	switch {
	case out.overflow:
		err = ErrTooLarge
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, &SignerError{Program: words[0], Err: err, Stderr: printable(string(complaints.data))}
	}
	return out.data, nil
}

// checkWords refuses what came from a server and would surprise a script.
func (r Request) checkWords() error {
	if err := r.checkURI(); err != nil {
		return err
	}
	for _, word := range []string{r.Slot.Server, r.Slot.Group, r.Slot.Type, strings.Join(r.DNSNames, "")} {
		if word != printable(word) {
			return &RequestError{RequestStructure, strconv.Quote(word), "no control characters"}
		}
	}
	return nil
}

func (r Request) environment() []string {
	var addresses []string
	for _, ip := range r.IPAddresses {
		addresses = append(addresses, ip.String())
	}
	usage := "client"
	if r.Server {
		usage = "server"
	}
	days := int(orDefault(r.Validity, DefaultValidity).Hours() / 24)
	return []string{
		"UAPUSH_APPLICATION_URI=" + r.ApplicationURI, "UAPUSH_DNS_NAMES=" + strings.Join(r.DNSNames, ","),
		"UAPUSH_IP_ADDRESSES=" + strings.Join(addresses, ","), "UAPUSH_SUBJECT=" + FormatSubject(r.Subject),
		fmt.Sprintf("UAPUSH_VALIDITY_DAYS=%d", max(days, 1)), "UAPUSH_USAGE=" + usage,
		"UAPUSH_SERVER=" + r.Slot.Server, "UAPUSH_GROUP=" + r.Slot.Group, "UAPUSH_TYPE=" + r.Slot.Type,
	}
}

// record adds the issuance to the ledger before the certificate is handed out.
func (s *ExecSigner) record(ctx context.Context, chain [][]byte, csrDER []byte, r Request, now time.Time) error {
	cert, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return err
	}
	unlock, err := lock(ctx, filepath.Join(filepath.Dir(s.Ledger), caLockFile))
	if err != nil {
		return err
	}
	defer unlock()
	_, whole, err := readLedger(s.Ledger)
	if err != nil {
		return err
	}
	notAfter := cert.NotAfter.UTC()
	return appendLedger(s.Ledger, whole, LedgerRecord{
		Event: EventIssued, Time: now.UTC(), Serial: formatSerial(cert.SerialNumber),
		Subject: cmp.Or(FormatSubject(cert.Subject), "?"), RequestSHA256: Fingerprint(csrDER),
		SHA256: Fingerprint(cert.Raw), Certificate: cert.Raw, Issuers: chain[1:], NotAfter: &notAfter, Slot: r.Slot.orNil(),
	})
}

// tailBuffer keeps the last bytes.
type tailBuffer struct {
	data  []byte
	limit int
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	b.data = append(b.data, p...)
	if n := len(b.data) - b.limit; n > 0 {
		b.data = b.data[n:]
	}
	return len(p), nil
}
