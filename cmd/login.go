package cmd

import (
	"cmp"
	"context"
	"slices"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow/push"
)

// userToken turns the flags into a user. A password is read when it is needed,
// after the server's certificate was judged.
func (f *connectionFlags) userToken(a *app) (push.User, error) {
	sources := f.passwordSources()
	switch {
	case f.userCert != "" && f.user != "":
		return nil, usage("choose a user name with a password, or a user certificate with its key", "--user and --user-cert exclude each other")
	case f.userCert != "":
		return f.certificateUser(a, sources)
	case f.userKey != "":
		return nil, usage("give the certificate with --user-cert FILE", "--user-key needs --user-cert")
	case f.user == "" && len(sources) > 0:
		return nil, usage("name the user with --user NAME", "there is a password and no user")
	case f.user == "":
		return push.Anonymous{}, nil
	case len(sources) == 0:
		return nil, usage("give --password-file FILE, --password-stdin or --password env:NAME", "the user %s has no password", f.user)
	case len(sources) > 1:
		return nil, usage("keep one of them", "there is more than one source for the password")
	}
	source, err := pki.ParseSecretSource(sources[0])
	if err != nil {
		return nil, usage("write env:NAME, file:PATH or exec:COMMAND", "--password: %w", err)
	}
	return push.UserName{Name: f.user, Password: a.remember(source)}, nil
}

// passwordSources lists what was given, in the syntax of --password.
func (f *connectionFlags) passwordSources() []string {
	var sources []string
	if f.password != "" {
		sources = append(sources, f.password)
	}
	if f.passwordFile != "" {
		sources = append(sources, "file:"+f.passwordFile)
	}
	if f.passwordStdin {
		sources = append(sources, "stdin")
	}
	return sources
}

// certificateUser loads an X509 user; a password then opens a PKCS#12 file.
func (f *connectionFlags) certificateUser(a *app, sources []string) (push.User, error) {
	var password []byte
	if len(sources) > 1 {
		return nil, usage("keep one of them", "there is more than one source for the password")
	}
	if len(sources) > 0 {
		source, err := pki.ParseSecretSource(sources[0])
		if err != nil {
			return nil, usage("write env:NAME, file:PATH or exec:COMMAND", "--password: %w", err)
		}
		if password, err = a.secret(source); err != nil {
			return nil, err
		}
	}
	pair, err := pki.LoadKeyPair(f.userCert, f.userKey, password)
	if err != nil {
		return nil, err
	}
	if warning := pki.ExposureWarning(cmp.Or(f.userKey, f.userCert)); warning != "" {
		a.progress().Line("warning: %s", warning)
	}
	return push.X509{Certificate: pki.JoinChain(pair.Chain), Key: pair.Key}, nil
}

// remember reads a source once, for the several sessions of a run, and hands out
// copies: push overwrites what it was given.
func (a *app) remember(source pki.SecretSource) func() ([]byte, error) {
	var secret []byte
	return func() ([]byte, error) {
		if secret == nil {
			var err error
			if secret, err = a.secret(source); err != nil {
				return nil, err
			}
		}
		return slices.Clone(secret), nil
	}
}

// secret reads a secret, and warns when others can read it too.
func (a *app) secret(source pki.SecretSource) ([]byte, error) {
	secret, warning, err := source.Read(context.Background(), a.env.In)
	if warning != "" {
		a.progress().Line("warning: %s", warning)
	}
	return secret, err
}
