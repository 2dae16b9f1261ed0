package part12

import (
	"crypto/rand"
	"crypto/rsa"
	"slices"
	"time"

	"github.com/uapush/uapush/config"
)

// Options say what a Device is. Zero values are replaced by the defaults named
// beside the fields.
type Options struct {
	Dir string // where the state is kept; "" keeps it in memory

	Clock       func() time.Time                                   // time.Now
	AfterFunc   func(d time.Duration, f func()) (stop func() bool) // time.AfterFunc; f is never called from within AfterFunc
	GenerateKey func(bits int) (*rsa.PrivateKey, error)            // crypto/rsa
	Prepare     func(endpoints []Endpoint) error                   // called before a configuration becomes active; an error rolls it back
	Audit       func(AuditEvent)                                   // told of every audit event; nil is nobody
	First       FirstStart                                         // used when Dir holds no state

	// AcceptClients begins application setup while the default TrustList is empty:
	// any sound client certificate will do (OPC 10000-12, G.2).
	AcceptClients bool
	// HTTPSGroup gives the server a DefaultHttpsGroup with a certificate. No endpoint
	// uses it: only opc.tcp is spoken here.
	HTTPSGroup bool
	// Unadministered says that nobody has the SecurityAdmin Role by other means than
	// AddIdentity; a server stays in application setup until somebody has it (G.2).
	Unadministered bool
	Behaviour

	Capabilities         config.Capabilities // DefaultCapabilities; ApplicationType is ignored
	MaxTrustListSize     uint32              // bytes; 65535
	MaxByteStringLength  int                 // bytes of one Read or Write; 65536
	MaxConfigurationSize int                 // bytes; 1 MiB
	MaxRejected          int                 // certificates kept per group; 20
	ActivityTimeout      time.Duration       // of open files; 60 s (7.8.2.1, 7.8.5.1)
}

// FirstStart is the configuration of a Device that was never configured.
type FirstStart struct {
	ApplicationURI  string   // urn:uapush:sim
	ApplicationName string   // uapush sim
	ProductURI      string   // urn:uapush:product:sim
	Hostnames       []string // DNS names and IP addresses of the certificate; localhost
	NetworkName     string   // of the first endpoint; "" listens everywhere
	Port            uint16   // 4840
	EndpointURLs    []string // also its discovery URLs; opc.tcp://<first host name>:<port>
	TrustClients    [][]byte // DER, into the default TrustList
}

// DefaultCapabilities allow what the Device can do.
func DefaultCapabilities() config.Capabilities {
	return config.Capabilities{
		AvailablePorts:       "1024:65535",
		MaxEndpoints:         8,
		MaxCertificateGroups: 8,
		SecurityPolicyURIs: []string{
			config.PolicyNone, config.PolicyBasic256Sha256, config.PolicyAes128Sha256RsaOaep, config.PolicyAes256Sha256RsaPss,
		},
		UserTokenTypes: []config.UserTokenType{
			{TokenType: config.TokenAnonymous}, {TokenType: config.TokenUserName}, {TokenType: config.TokenCertificate},
			{TokenType: config.TokenIssued, IssuedTokenType: issuedTokenJWT},
		},
		CertificateTypes:         []config.NodeID{config.TypeRsaSha256, config.TypeRsaMin, config.TypeEccNistP256, config.TypeEccNistP384},
		CertificateGroupPurposes: []config.NodeID{config.PurposeApplicationCertificate, purposeUser},
	}
}

const (
	// issuedTokenJWT is the profile of JSON Web Tokens (OPC 10000-7).
	issuedTokenJWT = "http://opcfoundation.org/UA/UserToken#JWT"
	// purposeUser is UserCertificateType (OPC 10000-12, 7.8.4).
	purposeUser config.NodeID = "i=19323"
	// mostList bounds a TrustList without a limit, in bytes.
	mostList = 4 << 20
)

// listLimit is what a TrustList may have in bytes, whatever is told to clients.
func (o Options) listLimit() int {
	if o.UnlimitedLists {
		return mostList
	}
	return int(o.MaxTrustListSize)
}

// listSizeTold is MaxTrustListSize; 0 is no limit (7.10.3).
func (o Options) listSizeTold() uint32 {
	if o.UnlimitedLists {
		return 0
	}
	return o.MaxTrustListSize
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.AfterFunc == nil {
		o.AfterFunc = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	}
	if o.GenerateKey == nil {
		o.GenerateKey = func(bits int) (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, bits) }
	}
	if o.Prepare == nil {
		o.Prepare = func([]Endpoint) error { return nil }
	}
	if len(o.Capabilities.CertificateTypes) == 0 {
		o.Capabilities = DefaultCapabilities()
	}
	for _, t := range o.MoreTypes {
		if !slices.Contains(o.Capabilities.CertificateTypes, t) {
			o.Capabilities.CertificateTypes = append(slices.Clip(o.Capabilities.CertificateTypes), t)
		}
	}
	if o.HTTPSGroup {
		o.Capabilities.CertificateTypes = append(slices.Clip(o.Capabilities.CertificateTypes), typeHTTPS)
		o.Capabilities.CertificateGroupPurposes = append(slices.Clip(o.Capabilities.CertificateGroupPurposes), typeHTTPS)
	}
	o.Behaviour = o.Behaviour.withDefaults()
	defaultTo(&o.MaxTrustListSize, 65535)
	defaultTo(&o.MaxByteStringLength, 65536)
	defaultTo(&o.MaxConfigurationSize, 1<<20)
	defaultTo(&o.MaxRejected, 20)
	defaultTo(&o.ActivityTimeout, time.Minute)
	f := &o.First
	defaultTo(&f.ApplicationURI, "urn:uapush:sim")
	defaultTo(&f.ApplicationName, "uapush sim")
	defaultTo(&f.ProductURI, "urn:uapush:product:sim")
	defaultTo(&f.Port, 4840)
	if len(f.Hostnames) == 0 {
		f.Hostnames = []string{"localhost"}
	}
	return o
}

func defaultTo[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}
