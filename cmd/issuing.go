package cmd

import (
	"context"
	"net"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/hsm"
	"github.com/uapush/uapush/workflow/upkeep"
)

// issuerFlags say how the key of the built-in CA is opened.
type issuerFlags struct{ passphraseFile, passphraseSource string }

func (f *issuerFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.passphraseFile, "ca-passphrase-file", "", "file that holds the passphrase of the certificate authority's key, or the PIN of its token")
	c.Flags().StringVar(&f.passphraseSource, "ca-passphrase", "", "the same from env:NAME, exec:COMMAND or stdin; never the passphrase itself")
}

func (f *issuerFlags) passphrase(a *app) ([]byte, error) {
	switch {
	case f.passphraseFile != "" && f.passphraseSource != "":
		return nil, usage("keep one of them", "there is more than one source for the passphrase")
	case f.passphraseFile != "":
		return a.secret(pki.SecretSource{Kind: pki.SecretFile, Name: f.passphraseFile})
	case f.passphraseSource == "":
		return nil, nil
	}
	source, err := pki.ParseSecretSource(f.passphraseSource)
	if err != nil {
		return nil, usage("write env:NAME, file:PATH, exec:COMMAND or stdin", "--ca-passphrase: %w", err)
	}
	return a.secret(source)
}

func (a *app) caDir() (string, error) {
	state, err := a.stateDir()
	return filepath.Join(state, "ca"), err
}

// openCA opens the built-in CA with its key.
func (a *app) openCA(f *issuerFlags) (*pki.CA, error) {
	dir, err := a.caDir()
	if err != nil {
		return nil, err
	}
	passphrase, err := f.passphrase(a)
	if err != nil {
		return nil, err
	}
	return pki.OpenCA(dir, pki.CAOptions{Passphrase: passphrase, Token: hsm.Key})
}

// lazyIssuer opens the CA when the first certificate is needed: a run that issues
// none asks for no passphrase.
type lazyIssuer struct {
	a     *app
	flags *issuerFlags

	once sync.Once
	ca   *pki.CA
	err  error
}

func (l *lazyIssuer) open() error {
	l.once.Do(func() { l.ca, l.err = l.a.openCA(l.flags) })
	return l.err
}

func (l *lazyIssuer) Issue(ctx context.Context, csr []byte, r pki.Request) ([][]byte, error) {
	if err := l.open(); err != nil {
		return nil, err
	}
	chain, err := l.ca.Issue(ctx, csr, r)
	if err == nil && l.a.env.Issued != nil {
		l.a.env.Issued()
	}
	return chain, err
}

// ready opens the CA and asks whether it may issue what is planned, before anything
// is written: a wrong passphrase, or a name that it may not certify, must not leave a
// server half done.
func (l *lazyIssuer) ready(planned []pki.Request) error {
	if err := l.open(); err != nil {
		return err
	}
	for _, r := range planned {
		if err := l.ca.Foresee(r); is[*pki.RequestError](err) {
			return usage(hintOf(err), "what is planned cannot be issued: %w", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// beforehand is ready for a plan, where it needs certificates.
func (l *lazyIssuer) beforehand(approve func(context.Context, plan.Plan) error) func(context.Context, plan.Plan) error {
	return func(ctx context.Context, p plan.Plan) error {
		var planned []pki.Request
		for _, c := range p.Certificates {
			planned = append(planned, foreseen(p.Server, p.Application, c.Type, c.DNSNames, c.IPAddresses))
		}
		if len(planned) > 0 {
			if err := l.ready(planned); err != nil {
				return err
			}
		}
		return approve(ctx, p)
	}
}

// prepared is ready for an upkeep.
func (l *lazyIssuer) prepared(_ context.Context, w upkeep.Work) error {
	var planned []pki.Request
	for _, c := range w.Certificates {
		planned = append(planned, foreseen(w.Server, w.Application, c.Type, c.DNSNames, c.IPAddresses))
	}
	return l.ready(planned)
}

// foreseen is what is known of a request that a server has not made yet.
func foreseen(server plan.Server, application, typ config.NodeID, names, addresses []string) pki.Request {
	r := pki.Request{DNSNames: names, Slot: pki.Slot{Type: config.CertificateTypeName(typ)}}
	if application == "" { // else another application's is certified
		r.ApplicationURI = server.ApplicationURI
	}
	for _, text := range addresses {
		if ip := net.ParseIP(text); ip != nil {
			r.IPAddresses = append(r.IPAddresses, ip)
		}
	}
	return r
}
