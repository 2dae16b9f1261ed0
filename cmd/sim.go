package cmd

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow/push/sim"
)

type simFlags struct {
	port          uint16
	admin         string
	passwordFile  string
	trust         []string
	acceptClients bool
	faults        []string
	profile       string
	downtime      time.Duration
	maxTrustList  uint32
	httpsGroup    bool
}

func (a *app) simCommand() *cobra.Command {
	f := &simFlags{}
	c := &cobra.Command{
		Use:   "sim",
		Short: "Run the embedded server",
		Long: `sim runs an OPC UA server on the loopback interface that can be configured, given
trust lists and certificates like a real one. Its first line on stdout is
READY and its URL. With --state it remembers everything across restarts.

Clients are trusted when --trust names their certificate, or with --accept-clients
as a server in application setup does (OPC 10000-12, G.2).

--profile picks what kind of server it is:

` + profileHelp(),
		Example: `  uapush sim --port 4840 --state sim --admin admin --admin-password-file sim.pw --accept-clients
  uapush sim --port 0 --trust uapush.der --fault CloseAndUpdate:drop-after`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.runSim(c.Context(), f) },
	}
	c.Flags().Uint16Var(&f.port, "port", 4840, "port to listen on; 0 takes a free one")
	c.Flags().StringVar(&f.admin, "admin", "admin", "name of the user with the SecurityAdmin role")
	c.Flags().StringVar(&f.passwordFile, "admin-password-file", "", "file with that user's password; made when missing (default in the state folder)")
	c.Flags().StringArrayVar(&f.trust, "trust", nil, "client certificate, or CA with CRL, to trust; may be repeated")
	c.Flags().BoolVar(&f.acceptClients, "accept-clients", false, "accept every client certificate until a trust list is written; the state remembers it")
	c.Flags().StringArrayVar(&f.faults, "fault", nil, "misbehave: METHOD:KIND, such as CloseAndUpdate:drop-after or ApplyChanges:refuse=0x80AF0000; may be repeated")
	c.Flags().StringVar(&f.profile, "profile", sim.Profiles()[0], "kind of server, one of those above")
	c.Flags().DurationVar(&f.downtime, "downtime", 0, "how long it cannot be reached after an update of the configuration (default what the profile has)")
	c.Flags().BoolVar(&f.httpsGroup, "https-group", false, "have a DefaultHttpsGroup with a certificate")
	c.Flags().Uint32Var(&f.maxTrustList, "max-trust-list-size", 0, "largest trust list in bytes (default 65535)")
	return c
}

// profileHelp lists the profiles with what is special of them.
func profileHelp() string {
	var lines []string
	for _, name := range sim.Profiles() {
		lines = append(lines, fmt.Sprintf("  %-17s %s", name, sim.AboutProfile(name)))
	}
	return strings.Join(lines, "\n")
}

func (a *app) runSim(ctx context.Context, f *simFlags) error {
	options, passwordFile, err := f.options(a)
	if err != nil {
		return err
	}
	server, err := sim.Start(ctx, options)
	if errors.Is(err, syscall.EADDRINUSE) {
		return &portTakenError{err: err}
	}
	if err != nil {
		return err
	}
	defer server.Close()
	if _, err := fmt.Fprintln(a.env.Out, "READY", server.URL()); err != nil {
		return err
	}
	t := a.progress()
	t.Line("%s, certificate SHA-256 %s", server.ApplicationURI(), pki.Fingerprint(server.Certificate()))
	t.Line("")
	t.Line("try:")
	login := fmt.Sprintf("%s --tofu --user %s --password-file %s", server.URL(), f.admin, passwordFile)
	t.Line("  uapush discover %s", server.URL())
	t.Line("  uapush ca init --subject \"CN=Plant CA/O=Plant\" --no-passphrase   # once: it signs what apply needs")
	t.Line("  uapush plan  -f testdata/manifest/line-a.yaml %s", login)
	t.Line("  uapush apply -f testdata/manifest/line-a.yaml %s", login)
	t.Line("")
	t.Line("Ctrl-C stops it.")
	<-ctx.Done()
	return nil
}

// portTakenError says that another program listens where the server is to.
type portTakenError struct{ err error }

func (e *portTakenError) Error() string { return e.err.Error() }
func (e *portTakenError) Unwrap() error { return e.err }
func (e *portTakenError) Hint() string {
	return "another program has that port; --port 0 takes a free one"
}

// options turns flags into the server's options; it makes the password file when
// there is none.
func (f *simFlags) options(a *app) (sim.Options, string, error) {
	options := sim.Options{
		Address:       fmt.Sprintf("127.0.0.1:%d", f.port),
		AcceptClients: f.acceptClients, Log: a.log, Profile: f.profile, Downtime: f.downtime, HTTPSGroup: f.httpsGroup,
		Limits: sim.Limits{MaxTrustListSize: f.maxTrustList},
	}
	if a.global.state != "" { // a client may keep its own state in the same folder
		options.Dir = filepath.Join(a.global.state, "sim")
	}
	if !slices.Contains(sim.Profiles(), f.profile) {
		return options, "", usage("one of "+strings.Join(sim.Profiles(), ", "), "--profile: there is no %q", f.profile)
	}
	path := f.passwordFile
	if path == "" {
		state, err := a.stateDir()
		if err != nil {
			return options, "", err
		}
		path = filepath.Join(state, "sim-admin.pw")
	}
	password, err := a.passwordFrom(path)
	if err != nil {
		return options, "", err
	}
	options.Admin = sim.User{Name: f.admin, Password: string(password)}
	for _, path := range f.trust {
		bundle, err := pki.LoadBundle(path)
		if err != nil {
			return options, "", err
		}
		for _, c := range bundle.Certificates {
			options.TrustClients = append(options.TrustClients, c.Raw)
		}
	}
	for _, text := range f.faults {
		fault, err := sim.ParseFault(text)
		if err != nil {
			return options, "", usage("see uapush sim --help", "--fault: %w", err)
		}
		options.Faults = append(options.Faults, fault)
	}
	return options, path, nil
}

// passwordFrom reads a password file, and makes one with a random password when
// it is missing.
func (a *app) passwordFrom(path string) ([]byte, error) {
	password, err := a.secret(pki.SecretSource{Kind: pki.SecretFile, Name: path})
	if !errors.Is(err, fs.ErrNotExist) {
		return password, err
	}
	random := make([]byte, 18)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	password = []byte(base64.RawURLEncoding.EncodeToString(random))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return password, pki.WriteFileAtomic(path, append(password, '\n'), 0o600)
}
