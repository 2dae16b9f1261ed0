package cmd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/uapush/uapush/cmd/internal/view"
	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/manifest"
	"github.com/uapush/uapush/config/plan"
	"github.com/uapush/uapush/pki"
	manifests "github.com/uapush/uapush/testdata/manifest"
	"github.com/uapush/uapush/workflow"
	"github.com/uapush/uapush/workflow/push"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "A guided tour on the embedded server",
		Long: `demo starts the embedded server on a free loopback port, shows what the manifest
testdata/manifest/line-a.yaml would change on it, applies it, and proves that the
new endpoint works. Everything it makes goes into a temporary folder and is gone
afterwards; nothing leaves this machine.`,
		Example: `  uapush demo`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.runDemo(c.Context()) },
	}
}

// demo is the tour: a server, a client that it trusts, and an authority.
type demo struct {
	a      *app
	out    *view.Text
	server *sim.Server
	conn   *connection
	ca     *pki.CA
	caDir  string
}

func (a *app) runDemo(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "uapush-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &demo{a: a, out: view.NewText(a.env.Out, a.env.Width, a.colour(a.env.Width > 0))}
	start := time.Now()
	if err := d.begin(ctx, dir); err != nil {
		return err
	}
	defer d.server.Close()
	if err := d.discover(ctx); err != nil {
		return err
	}
	s, err := d.apply(ctx)
	if err != nil {
		return err
	}
	return d.conclude(s, time.Since(start))
}

// begin makes client, authority and server. The server is told beforehand to
// trust this client, as an installer would.
func (d *demo) begin(ctx context.Context, dir string) error {
	identity, _, err := pki.LoadOrCreateIdentity(filepath.Join(dir, "identity"), pki.Application{
		ApplicationURI: pki.DefaultApplicationURI("demo"), DNSNames: []string{"localhost"},
	})
	if err != nil {
		return err
	}
	d.caDir = filepath.Join(dir, "ca")
	subject, err := pki.ParseSubject("CN=Demo CA/O=Plant")
	if err != nil {
		return err
	}
	if d.ca, err = pki.InitCA(ctx, d.caDir, pki.CAOptions{Subject: subject, NoPassphrase: true, Key: pki.KeyRSA2048}); err != nil {
		return err
	}
	password := make([]byte, 16)
	if _, err := rand.Read(password); err != nil {
		return err
	}
	admin := sim.User{Name: "admin", Password: hex.EncodeToString(password)}
	if d.server, err = sim.Start(ctx, sim.Options{Admin: admin, TrustClients: identity.Chain[:1]}); err != nil {
		return err
	}
	d.conn, err = d.connection(identity, admin)
	return err
}

// connection is what the connection flags amount to: a pinned server, a client
// certificate, and a user.
func (d *demo) connection(identity pki.Identity, admin sim.User) (*connection, error) {
	j := &judge{server: d.server.URL(), pin: pki.Fingerprint(d.server.Certificate())}
	target, err := push.New(push.Options{
		URL: d.server.URL(), Judge: j.judge,
		Identity:             secureconv.Identity{Chain: identity.Chain, Key: identity.Key},
		ClientApplicationURI: pki.DefaultApplicationURI("demo"),
		User:                 push.UserName{Name: admin.Name, Password: func() ([]byte, error) { return []byte(admin.Password), nil }},
		Complete:             fileComplete,
	})
	return &connection{label: "demo", url: d.server.URL(), target: target, self: identity.Chain}, err
}

func (d *demo) discover(ctx context.Context) error {
	d.chapter("A server has started on %s. It has one endpoint, a certificate it made itself,\nand it was told to trust this client. This is what it tells anybody who asks:", d.server.URL())
	found, err := push.Discover(ctx, d.server.URL(), 0, nil)
	if err != nil {
		return err
	}
	j := &judge{server: d.server.URL(), pin: pki.Fingerprint(d.server.Certificate())}
	return view.View{Out: d.a.env.Out, Format: view.Table, Width: d.a.env.Width}.Discovery(found, judgements(j, d.server.URL(), found))
}

func (d *demo) chapter(format string, args ...any) {
	d.out.Line("")
	for line := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") {
		d.out.Line("── %s", line)
	}
	d.out.Line("")
}

func (d *demo) apply(ctx context.Context) (*workflow.State, error) {
	desired, err := d.desired()
	if err != nil {
		return nil, err
	}
	progress := view.Progress(d.out, false)
	s := &workflow.State{
		Target: d.conn.target, ServerURL: d.conn.url, Desired: desired, Issuer: d.ca,
		Materials: workflow.Materials{Self: d.conn.self, Authority: func() ([][]byte, [][]byte, error) {
			crl, err := d.ca.CRL(ctx)
			return [][]byte{d.ca.Certificate().Raw}, [][]byte{crl}, err
		}},
		Observe: progress,
		Approve: func(_ context.Context, p plan.Plan) error {
			d.chapter("This is the difference, as UpdateTargets; uapush plan shows as much and stops here:")
			return view.View{Out: d.a.env.Out, Format: view.Table, Width: d.a.env.Width, Colour: d.a.colour(d.a.env.Width > 0)}.Plan("demo", p)
		},
	}
	d.chapter("The manifest testdata/manifest/line-a.yaml asks for a second endpoint, line-a, with its own\ncertificate group, trust list and certificate. Reading the server and comparing:")
	return s, workflow.Run(ctx, s, workflow.Apply())
}

// desired reads the manifest; where its port is taken on this machine, another
// one serves.
func (d *demo) desired() (config.Desired, error) {
	m, err := manifest.Parse("testdata/manifest/line-a.yaml", manifests.LineA)
	if err != nil {
		return config.Desired{}, err
	}
	desired, err := m.Desired()
	if err != nil || len(desired.Records.ServerEndpoints) != 1 {
		return desired, errors.Join(err)
	}
	e := &desired.Records.ServerEndpoints[0]
	port, err := freePort(e.Port)
	if err != nil || port == e.Port {
		return desired, err
	}
	d.out.Line("(port %d of the manifest is taken on this machine; the demo uses %d)", e.Port, port)
	for _, urls := range [][]string{e.DiscoveryURLs, e.EndpointURLs} {
		for i := range urls {
			urls[i] = strings.ReplaceAll(urls[i], ":"+strconv.Itoa(int(e.Port)), ":"+strconv.Itoa(int(port)))
		}
	}
	e.Port = port
	return desired, nil
}

// freePort returns the port when it can be listened on, else another one.
func freePort(port uint16) (uint16, error) {
	for _, p := range []uint16{port, 0} {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", p))
		if err == nil {
			defer l.Close()
			return uint16(l.Addr().(*net.TCPAddr).Port), nil
		}
		if p == 0 {
			return 0, err
		}
	}
	return 0, errors.New("no port is free")
}

func (d *demo) conclude(s *workflow.State, took time.Duration) error {
	d.chapter("What happened:")
	if err := (view.View{Out: d.a.env.Out, Format: view.Table, Width: d.a.env.Width}).Outcome(view.OutcomeOf(s)); err != nil {
		return err
	}
	d.out.Line("A second plan is empty: applying the manifest again would change nothing. It took %.1f s.", took.Seconds())
	d.chapter("What to try next:")
	for _, line := range []string{
		"uapush sim --port 4840 --state /tmp/sim --accept-clients     # a server to play with; it prints the commands to try",
		"uapush plan -f testdata/manifest/line-a.yaml SERVER …         # on a server of your own",
		"uapush config get SERVER …                                    # everything a server has",
		"uapush schema > uapush.schema.json                            # completion for manifests in your editor",
	} {
		d.out.Line("  %s", line)
	}
	return nil
}
