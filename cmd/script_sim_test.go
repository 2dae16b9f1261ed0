package cmd_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/workflow/push/sim"
)

// simulated is an embedded server of a script.
type simulated struct {
	server *sim.Server
	events *eventLog
	end    context.CancelFunc
}

func (s *simulated) stop() {
	s.end()
	_ = s.server.Close() // the script has what it wanted
}

// simulate is the command
//
//	sim start NAME [flags]   run a server; the inventory then knows it as NAME
//	sim stop NAME            end it
//	sim restart NAME         end its connections and start it again with its state
//	sim fault NAME FAULT...  disturb further calls
//	sim await NAME WORD      wait until the server logs WORD, such as fault
//
// A server trusts this client unless it is told otherwise. It sets SIM_URL,
// SIM_PORT and SIM_PIN, and writes NAME.der.
func simulate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: sim start|stop|restart|fault|await NAME ...")
	}
	r, name := rigOf(ts), args[1]
	if args[0] == "start" {
		r.startSim(ts, name, args[2:])
		return
	}
	s := r.sims[name]
	if s == nil {
		ts.Fatalf("there is no server %s", name)
	}
	switch args[0] {
	case "stop":
		s.stop()
		delete(r.sims, name)
	case "restart":
		ts.Check(s.server.Restart())
	case "fault":
		for _, text := range args[2:] {
			f, err := sim.ParseFault(text)
			ts.Check(err)
			s.server.AddFault(f)
		}
	case "await":
		if !s.events.await(args[2], 20*time.Second) {
			ts.Fatalf("the server %s never logged %s", name, args[2])
		}
	default:
		ts.Fatalf("sim knows no %s", args[0])
	}
}

type simArguments struct {
	distrust, accept, https     bool
	maxList                     uint
	profile, dir, address       string
	users, certUsers            words
	hosts, faults, trust        words
	formats                     words
	activity, session, downtime time.Duration
	label                       string
}

type words []string

func (w *words) String() string { return strings.Join(*w, ",") }

// Set appends a value of a flag that may be repeated.
func (w *words) Set(s string) error {
	*w = append(*w, s)
	return nil
}

func (r *rig) startSim(ts *testscript.TestScript, name string, args []string) {
	var a simArguments
	fs := flag.NewFlagSet("sim", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVar(&a.distrust, "distrust", false, "do not trust this client")
	fs.BoolVar(&a.accept, "accept", false, "accept any client")
	fs.Var(&a.formats, "format", "a private key format that it takes")
	fs.BoolVar(&a.https, "https", false, "have a DefaultHttpsGroup")
	fs.UintVar(&a.maxList, "maxlist", 0, "MaxTrustListSize")
	fs.StringVar(&a.profile, "profile", "", "kind of server")
	fs.StringVar(&a.dir, "dir", "", "where its state is kept")
	fs.DurationVar(&a.activity, "activity", 0, "how long a file stays open without activity")
	fs.DurationVar(&a.session, "session", 0, "how long a lost session lives")
	fs.DurationVar(&a.downtime, "downtime", 0, "how long it is away after an update")
	fs.StringVar(&a.address, "address", "", "where it listens")
	fs.StringVar(&a.label, "label", "", "its labels in the inventory, as line: a")
	fs.Var(&a.trust, "trust", "certificate (DER) of another client to trust")
	fs.Var(&a.users, "user", "a user without rights, with the admin's password")
	fs.Var(&a.certUsers, "certuser", "certificate (DER) of an administrator")
	fs.Var(&a.hosts, "host", "a host name of its certificate")
	fs.Var(&a.faults, "fault", "a fault from the start")
	ts.Check(fs.Parse(args))
	if a.profile = cmp.Or(a.profile, r.profile); a.profile == "slow-restart" && r.profile != "" {
		a.downtime = cmp.Or(a.downtime, 300*time.Millisecond) // its own 3 s add up
	}
	if a.address == "" { // a port that the system hands out itself may be gone when the server comes back
		port, err := r.shared.port()
		ts.Check(err)
		a.address = "127.0.0.1:" + port
	}
	options, err := r.simOptions(ts, a)
	ts.Check(err)
	s := &simulated{events: newEventLog()}
	options.Log = slog.New(slog.NewTextHandler(s.events, nil))
	ctx, end := context.WithCancel(context.Background())
	s.end = end
	if s.server, err = sim.Start(ctx, options); err != nil {
		end()
		ts.Fatalf("start the server: %v", err)
	}
	r.sims[name] = s
	r.announce(ts, name, a.label, s.server)
}

func (r *rig) simOptions(ts *testscript.TestScript, a simArguments) (sim.Options, error) {
	o := sim.Options{
		Admin:   sim.User{Name: "admin", Password: adminPassword},
		Address: a.address, AcceptClients: a.accept, Profile: a.profile, Hostnames: a.hosts, GenerateKey: r.shared.keys(), Downtime: a.downtime,
		HTTPSGroup: a.https, PrivateKeyFormats: a.formats,
		Limits: sim.Limits{MaxTrustListSize: uint32(a.maxList), ActivityTimeout: a.activity, MinSessionTimeout: a.session, MaxSessionTimeout: a.session},
	}
	if a.dir != "" {
		o.Dir = ts.MkAbs(a.dir)
	}
	if !a.distrust && !a.accept {
		identity, err := pki.LoadIdentity(r.identity, time.Time{})
		if err != nil {
			return o, err
		}
		o.TrustClients = identity.Chain[:1]
	}
	for _, path := range a.trust {
		der, err := os.ReadFile(ts.MkAbs(path))
		if err != nil {
			return o, err
		}
		o.TrustClients = append(o.TrustClients, der)
	}
	for _, name := range a.users {
		o.Users = append(o.Users, sim.User{Name: name, Password: adminPassword})
	}
	for _, path := range a.certUsers {
		der, err := os.ReadFile(ts.MkAbs(path))
		if err != nil {
			return o, err
		}
		o.Users = append(o.Users, sim.User{Name: path, Certificate: der, Roles: []sim.Role{sim.SecurityAdmin, sim.ConfigureAdmin}})
	}
	for _, text := range a.faults {
		f, err := sim.ParseFault(text)
		if err != nil {
			return o, err
		}
		o.Faults = append(o.Faults, f)
	}
	return o, nil
}

const inventoryMark = "# written by sim start\nservers:\n"

// announce tells the script about a server; an inventory of the script's own is
// left alone.
func (r *rig) announce(ts *testscript.TestScript, name, label string, s *sim.Server) {
	u, err := url.Parse(s.URL())
	ts.Check(err)
	pin := "sha256:" + pki.Fingerprint(s.Certificate())
	r.setenv(ts, "SIM_URL", s.URL())
	r.setenv(ts, "SIM_PORT", u.Port())
	r.setenv(ts, "SIM_PIN", pin)
	ts.Check(os.WriteFile(ts.MkAbs(name+".der"), s.Certificate(), 0o644))
	path := ts.MkAbs("uapush.yaml")
	text, err := os.ReadFile(path)
	switch {
	case os.IsNotExist(err):
		text = []byte(inventoryMark)
	case err != nil:
		ts.Fatalf("read the inventory: %v", err)
	case !strings.HasPrefix(string(text), inventoryMark):
		return
	}
	var kept []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "  "+name+": ") {
			kept = append(kept, line)
		}
	}
	kept = append(kept, fmt.Sprintf("  %s: {url: %q, user: admin, password-file: admin.pw, pin: %q, labels: {%s}}\n", name, s.URL(), pin, label))
	ts.Check(os.WriteFile(path, []byte(strings.Join(kept, "")), 0o644))
}

// freeport is the command freeport NAME: it sets NAME to a port on which nobody
// listens. It stays below the ports that systems hand out by themselves.
func freeport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: freeport NAME")
	}
	r := rigOf(ts)
	port, err := r.shared.port()
	ts.Check(err)
	r.setenv(ts, args[0], port)
}

// eventLog keeps what a server logs, and wakes who waits for a word of it.
type eventLog struct {
	mu   sync.Mutex
	more *sync.Cond
	text strings.Builder
	over bool
}

func newEventLog() *eventLog {
	l := &eventLog{}
	l.more = sync.NewCond(&l.mu)
	return l
}

func (l *eventLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.more.Broadcast()
	return l.text.Write(p)
}

// finish says that nothing more will come.
func (l *eventLog) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	l.more.Broadcast()
}

func (l *eventLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *eventLog) await(word string, limit time.Duration) bool {
	late := false
	t := time.AfterFunc(limit, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		late = true
		l.more.Broadcast()
	})
	defer t.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !strings.Contains(l.text.String(), word) {
		if late || l.over {
			return false
		}
		l.more.Wait()
	}
	return true
}

// port finds a free one; no two scripts of a process get the same.
func (p *supply) port() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 1000 {
		if p.nextPort == 0 {
			p.nextPort = 20000 + os.Getpid()%80*100
		}
		p.nextPort++
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", p.nextPort))
		if err != nil {
			continue
		}
		return fmt.Sprint(p.nextPort), l.Close()
	}
	return "", fmt.Errorf("no port is free")
}
