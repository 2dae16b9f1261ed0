package sim

import (
	"crypto/rsa"
	"log/slog"
	"time"

	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// Options say what server to start. The zero value is a server on a free port of
// 127.0.0.1 that keeps its state in memory and lets nobody administer it.
type Options struct {
	Dir     string // where the state is kept; "" keeps it in memory
	Address string // host:port of the first endpoint of a new state; "127.0.0.1:0"

	Admin        User     // gets SecurityAdmin and ConfigureAdmin; none without a name
	Users        []User   // further users
	TrustClients [][]byte // DER, put into the first TrustList of a new state
	// AdminClients are client certificates (DER) that give their Sessions
	// SecurityAdmin and ConfigureAdmin whoever the user is (OPC 10000-18, 4.4.4).
	AdminClients [][]byte
	// AcceptClients is the application setup of OPC 10000-12, G.2: any sound client
	// certificate is accepted until a TrustList was written and somebody has the
	// SecurityAdmin Role. Where neither Admin nor others have it, Anonymous has it
	// meanwhile, on encrypted channels.
	AcceptClients bool
	HTTPSGroup    bool // a DefaultHttpsGroup with a certificate that no endpoint uses

	// PrivateKeyFormats are the SupportedPrivateKeyFormats; nil is what the Profile has.
	PrivateKeyFormats []string

	ApplicationURI string   // of a new state; "urn:uapush:sim"
	Hostnames      []string // DNS names and IP addresses of the first certificate; those of Address
	Profile        string   // one of Profiles; "" is the first
	// Downtime is how long no endpoint can be reached after an update of the
	// configuration; 0 is what the Profile has.
	Downtime    time.Duration
	Faults      []Fault
	Limits      Limits
	GenerateKey func(bits int) (*rsa.PrivateKey, error) // nil is crypto/rsa
	Log         *slog.Logger                            // nil discards
	Traffic     *secureconv.Traffic                     // nil counts nothing
}

// User is somebody who may log in.
type User struct {
	Name        string
	Password    string // none without one
	Certificate []byte // DER of a user certificate; none without one
	Roles       []Role // beyond Anonymous and AuthenticatedUser
}

// Role is the NodeId of a well-known Role, in namespace 0 (OPC 10000-18, 4.2.2).
type Role uint32

// The roles with a meaning here.
const (
	Operator       = Role(space.RoleOperator)
	ConfigureAdmin = Role(space.RoleConfigureAdmin)
	SecurityAdmin  = Role(space.RoleSecurityAdmin)
)

// Limits bound what clients may take. Zero fields are the defaults named beside them.
type Limits struct {
	MaxSessions        int           // 100
	MinSessionTimeout  time.Duration // 10 s
	MaxSessionTimeout  time.Duration // 1 h
	MaxTokenLifetime   time.Duration // of a secure channel; 1 h
	ActivityTimeout    time.Duration // of open files; 60 s
	MaxTrustListSize   uint32        // bytes; 65535
	MaxConnections     int           // per endpoint; 1000
	ContinuationPoints int           // per Session; 8
	ShutdownDelay      time.Duration // between ResetToServerDefaults and the restart; 1 s
}

func (l Limits) withDefaults() Limits {
	orDefault(&l.MaxSessions, 100)
	orDefault(&l.MinSessionTimeout, 10*time.Second)
	orDefault(&l.MaxSessionTimeout, time.Hour)
	orDefault(&l.MaxTokenLifetime, time.Hour)
	orDefault(&l.ActivityTimeout, time.Minute)
	orDefault(&l.MaxTrustListSize, 65535)
	orDefault(&l.MaxConnections, 1000)
	orDefault(&l.ContinuationPoints, 8)
	orDefault(&l.ShutdownDelay, time.Second)
	return l
}

func orDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

func (o Options) withDefaults() Options {
	orDefault(&o.Address, "127.0.0.1:0")
	orDefault(&o.ApplicationURI, "urn:uapush:sim")
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Limits = o.Limits.withDefaults()
	return o
}
