package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow/push"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// connectionFlags say how a server is reached, trusted and logged in to. Each is
// also a key of a server in the inventory, and a variable UAPUSH_….
type connectionFlags struct {
	user, password, passwordFile string
	passwordStdin                bool
	userCert, userKey            string
	trust                        []string
	pin                          string
	tofu                         bool
	suppress                     []string
	identity, application        string
	timeout, deadline            time.Duration

	set *pflag.FlagSet // the flags above, for the other sources of their values
}

func (f *connectionFlags) register(c *cobra.Command) {
	f.set = pflag.NewFlagSet("connection", pflag.ContinueOnError)
	f.set.StringVar(&f.user, "user", "", "user name on the server")
	f.set.StringVar(&f.passwordFile, "password-file", "", "file that holds the password")
	f.set.BoolVar(&f.passwordStdin, "password-stdin", false, "read the password from standard input")
	f.set.StringVar(&f.password, "password", "", "where the password is: env:NAME, file:PATH or exec:COMMAND; never the password itself")
	f.set.StringVar(&f.userCert, "user-cert", "", "certificate of an X509 user (PEM, DER or PKCS#12)")
	f.set.StringVar(&f.userKey, "user-key", "", "its private key (PEM)")
	f.set.StringArrayVar(&f.trust, "trust", nil, "certificate, or CA with CRLs, that the server must chain to; may be repeated")
	f.set.StringVar(&f.pin, "pin", "", "the server's certificate must be this one: sha256:HEX")
	f.set.BoolVar(&f.tofu, "tofu", false, "trust the server's certificate on first use, and pin it")
	f.set.StringSliceVar(&f.suppress, "suppress", nil, "rule that a pinned certificate may break, to reach a server that needs another one: validity, hostName or usage")
	f.set.StringVar(&f.identity, "identity", "", "folder of the client's certificate and key (default in the state folder, made on first use)")
	f.set.StringVar(&f.application, "application", "", "ApplicationUri or NodeId of a managed application, when it is not the server itself")
	f.set.DurationVar(&f.timeout, "timeout", 10*time.Second, "longest wait for an answer")
	f.set.DurationVar(&f.deadline, "deadline", 0, "longest time for the whole run (default none)")
	inSection(f.set, connectionSection)
	c.Flags().AddFlagSet(f.set)
}

// fill takes what the command line left open from the environment, and then from
// the inventory's entry.
func (f *connectionFlags) fill(a *app, c *cobra.Command, entry serverEntry, dir string) error {
	inventory := entry.flagValues(dir)
	if states := inventory["state"]; len(states) == 1 && a.global.state == "" && a.env.Getenv("UAPUSH_STATE") == "" {
		a.global.state = states[0]
	}
	set := map[string]bool{}
	f.set.VisitAll(func(flag *pflag.Flag) { set[flag.Name] = c.Flags().Changed(flag.Name) })
	environment := f.environment(a)
	if named(set) {
		without(environment, users...)
	}
	err := f.take(environment, set, variable)
	if named(set) { // who names another user does not mean the inventory's secret
		without(inventory, users...)
		without(inventory, passwords...)
	}
	err = errors.Join(err, f.take(inventory, set, func(name string) string { return "inventory: " + name }))
	if err == nil && (f.timeout <= 0 || f.deadline < 0) {
		err = usage("give a time such as 30s", "--timeout and --deadline are times to wait, not %v and %v", f.timeout, f.deadline)
	}
	return err
}

// The settings that say who logs in, and those that say with which secret. Of
// each kind one source's are used, not some of one and some of another.
var (
	users     = []string{"user", "user-cert", "user-key"}
	passwords = []string{"password", "password-file", "password-stdin"}
)

func named(set map[string]bool) bool { return set["user"] || set["user-cert"] }

func without(values map[string][]string, names ...string) {
	for _, name := range names {
		delete(values, name)
	}
}

// take gives the flags that are not set yet the values of one source.
func (f *connectionFlags) take(values map[string][]string, set map[string]bool, from func(flag string) string) error {
	if slices.ContainsFunc(passwords, func(name string) bool { return set[name] }) {
		without(values, passwords...)
	}
	var errs []error
	f.set.VisitAll(func(flag *pflag.Flag) {
		if set[flag.Name] {
			return
		}
		for _, value := range values[flag.Name] {
			if err := flag.Value.Set(value); err != nil {
				errs = append(errs, badValue(flag, from(flag.Name), value, ""))
			}
			set[flag.Name] = true
		}
	})
	return errors.Join(errs...)
}

// environment gives the UAPUSH_ variables by flag name.
func (f *connectionFlags) environment(a *app) map[string][]string {
	values := map[string][]string{}
	f.set.VisitAll(func(flag *pflag.Flag) {
		if value := a.env.Getenv(variable(flag.Name)); value != "" {
			values[flag.Name] = []string{value}
		}
	})
	return values
}

func variable(flag string) string {
	return "UAPUSH_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// connection is a server as the commands use it.
type connection struct {
	label  string // what the operator called it
	url    string
	target *push.Target
	// self is the client's own certificate, for trust lists.
	self     [][]byte
	deadline time.Duration
	judge    *judge
}

// connect resolves the flags into a Target. Nothing is sent yet.
func (a *app) connect(c *cobra.Command, f *connectionFlags, args []string) (*connection, error) {
	label, entry, dir, err := a.server(args)
	if err != nil {
		return nil, err
	}
	if err := f.fill(a, c, entry, dir); err != nil {
		return nil, err
	}
	identity, err := a.clientIdentity(f.identity)
	if err != nil {
		return nil, err
	}
	user, err := f.userToken(a)
	if err != nil {
		return nil, err
	}
	judge, err := a.newJudge(f, entry.URL)
	if err != nil {
		return nil, err
	}
	cert, err := identity.Certificate()
	if err != nil {
		return nil, err
	}
	target, err := push.New(push.Options{
		URL:                  entry.URL,
		Judge:                judge.judge,
		Proven:               judge.proven,
		Identity:             secureconv.Identity{Chain: identity.Chain, Key: identity.Key},
		ClientApplicationURI: pki.ApplicationURI(cert),
		User:                 user,
		Application:          f.application,
		Timeout:              f.timeout,
		Complete:             fileComplete,
		Log:                  a.log,
	})
	if err != nil {
		return nil, err
	}
	return &connection{label: shortLabel(label), url: entry.URL, target: target, self: identity.Chain, deadline: f.deadline, judge: judge}, nil
}

// shortLabel is the host of a URL, or the inventory's name.
func shortLabel(word string) string {
	if _, rest, ok := strings.Cut(word, "://"); ok {
		host, _, _ := strings.Cut(rest, "/")
		return host
	}
	return word
}

// within bounds a whole run; 0 does not.
func within(ctx context.Context, deadline time.Duration) (context.Context, context.CancelFunc) {
	if deadline <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, deadline, &deadlineError{after: deadline})
}

// deadlineError says that the operator's own limit ended a run.
type deadlineError struct{ after time.Duration }

func (e *deadlineError) Error() string { return fmt.Sprintf("the deadline of %v has passed", e.after) }
func (e *deadlineError) Unwrap() error { return context.DeadlineExceeded }
func (e *deadlineError) Hint() string  { return "--deadline waits longer" }

// clientIdentity loads the client's certificate, and makes it on first use.
func (a *app) clientIdentity(dir string) (pki.Identity, error) {
	if dir == "" {
		state, err := a.stateDir()
		if err != nil {
			return pki.Identity{}, err
		}
		dir = state + string(os.PathSeparator) + "identity"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	identity, created, err := pki.LoadOrCreateIdentity(dir, pki.Application{
		ApplicationURI: pki.DefaultApplicationURI(host), DNSNames: []string{host},
	})
	if err != nil {
		return pki.Identity{}, err
	}
	if created {
		a.progress().Line("made this client's certificate, SHA-256 %s, in %s", pki.Fingerprint(identity.Chain[0]), dir)
	}
	return identity, nil
}
