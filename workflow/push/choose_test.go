package push

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
)

// described is an EndpointDescription with a pseudo certificate.
func described(url, policy string, mode ua.MessageSecurityMode, level uint8, tokens ...ua.UserTokenType) *ua.EndpointDescription {
	d := &ua.EndpointDescription{
		EndpointURL: url, SecurityPolicyURI: policy, SecurityMode: mode, SecurityLevel: level,
		Server: &ua.ApplicationDescription{ApplicationURI: "urn:plc1"}, ServerCertificate: []byte{0x30, 0},
		TransportProfileURI: config.TransportUATCP,
	}
	for _, k := range tokens {
		d.UserIdentityTokens = append(d.UserIdentityTokens, &ua.UserTokenPolicy{PolicyID: "p", TokenType: k})
	}
	return d
}

const (
	encrypted = ua.MessageSecurityModeSignAndEncrypt
	signed    = ua.MessageSecurityModeSign
	userName  = ua.UserTokenTypeUserName
	anonymous = ua.UserTokenTypeAnonymous
)

func TestChoose(t *testing.T) {
	const own, other = "opc.tcp://PLC1:4840/x", "opc.tcp://PLC1:4843/x"
	const basic, oaep, pss = config.PolicyBasic256Sha256, config.PolicyAes128Sha256RsaOaep, config.PolicyAes256Sha256RsaPss
	none := described(own, config.PolicyNone, ua.MessageSecurityModeNone, 0)
	for _, c := range []struct {
		name string
		all  []*ua.EndpointDescription
		want int // index, -1 is a SecurityError
	}{
		{"strongest policy", []*ua.EndpointDescription{none, described(own, basic, encrypted, 9, userName), described(own, pss, encrypted, 1, userName), described(own, oaep, encrypted, 9, userName)}, 2},
		{"security level", []*ua.EndpointDescription{described(own, pss, encrypted, 1, userName), described(own, pss, encrypted, 2, userName)}, 1},
		{"the port that was asked for", []*ua.EndpointDescription{described(other, pss, encrypted, 9, userName), described(own, basic, encrypted, 1, userName)}, 1},
		{"another port at need", []*ua.EndpointDescription{described(own, pss, signed, 9, userName), described(other, basic, encrypted, 1, userName)}, 1},
		{"an endpoint for this user", []*ua.EndpointDescription{described(own, pss, encrypted, 9, anonymous), described(own, basic, encrypted, 1, userName)}, 1},
		{"weak only", []*ua.EndpointDescription{none, described(own, pss, signed, 9, userName)}, -1},
		{"unsupported policy", []*ua.EndpointDescription{described(own, "http://opcfoundation.org/UA/SecurityPolicy#ECC_nistP256", encrypted, 9, userName)}, -1},
		{"unsupported transport", []*ua.EndpointDescription{described("https://PLC1:4840", basic, encrypted, 9, userName)}, -1},
		{"nothing", nil, -1},
	} {
		got, err := choose(c.all, address{url: "opc.tcp://127.0.0.1:4840", host: "127.0.0.1", port: "4840"}, userName)
		if c.want < 0 {
			var weak *SecurityError
			if !errors.As(err, &weak) {
				t.Errorf("%s: got %v, want a SecurityError", c.name, err)
			}
			continue
		}
		if err != nil || got.EndpointDescription != c.all[c.want] {
			t.Errorf("%s: got %+v, %v; want number %d", c.name, got.EndpointDescription, err, c.want)
		}
	}
}

// Where an endpoint is dialled: at the operator's host, whatever the server calls itself.
func TestDialledAddress(t *testing.T) {
	for _, c := range []struct{ advertised, port, want string }{
		{"opc.tcp://unresolvable:4840/x", "4840", "4840"},
		{"opc.tcp://unresolvable:4843", "4840", "4840"},    // a forwarded port: the server never mentions 4840
		{"opc.tcp://unresolvable", "4840", "4840"},         // the default port
		{"opc.tcp://[fe80::1]:14840", "14840", "14840"},    // IPv6
		{"opc.tcp://unresolvable:4840", "4843", "4843"},    // forwarded
		{"opc.tcp://unresolvable:4840/", "14840", "14840"}, // forwarded
	} {
		all := []*ua.EndpointDescription{described(c.advertised, config.PolicyBasic256Sha256, encrypted, 0, userName)}
		e, err := choose(all, address{host: "plc", port: c.port}, userName)
		if err != nil || e.dial.host != "plc" || e.dial.port != c.want || e.dial.url != c.advertised {
			t.Errorf("%s from :%s: got %+v, %v; want plc:%s", c.advertised, c.port, e.dial, err, c.want)
		}
	}
}

func TestCompareEndpoints(t *testing.T) {
	a := described("opc.tcp://a:1", config.PolicyBasic256Sha256, encrypted, 1, userName)
	b := described("opc.tcp://a:1", config.PolicyNone, ua.MessageSecurityModeNone, 0, anonymous)
	change := func(f func(*ua.EndpointDescription)) []*ua.EndpointDescription {
		c := *a
		f(&c)
		return []*ua.EndpointDescription{&c, b}
	}
	for _, c := range []struct {
		name    string
		session []*ua.EndpointDescription
		same    bool
	}{
		{"same", []*ua.EndpointDescription{a, b}, true},
		{"another order", []*ua.EndpointDescription{b, a}, true},
		{"another host", change(func(d *ua.EndpointDescription) { d.EndpointURL = "opc.tcp://b:1" }), true},
		{"no certificate repeated", change(func(d *ua.EndpointDescription) { d.ServerCertificate = nil }), true},
		{"a stronger one was hidden", append(change(func(*ua.EndpointDescription) {}), described("opc.tcp://a:1", config.PolicyAes256Sha256RsaPss, encrypted, 2, userName)), false},
		{"one was made up", []*ua.EndpointDescription{a}, false},
		{"another level", change(func(d *ua.EndpointDescription) { d.SecurityLevel = 9 }), false},
		{"another transport", change(func(d *ua.EndpointDescription) { d.TransportProfileURI = "x" }), false},
		{"the password was to go unencrypted", change(func(d *ua.EndpointDescription) {
			d.UserIdentityTokens = []*ua.UserTokenPolicy{{PolicyID: "p", TokenType: userName, SecurityPolicyURI: config.PolicyNone}}
		}), false},
		{"none", nil, false},
	} {
		err := compareEndpoints("opc.tcp://a:1", []*ua.EndpointDescription{a, b}, c.session)
		var differ *EndpointListError
		if errors.As(err, &differ) == c.same {
			t.Errorf("%s: got %v, want same %v", c.name, err, c.same)
		}
	}
}

func TestTokenPolicy(t *testing.T) {
	basic := described("opc.tcp://a:1", config.PolicyBasic256Sha256, encrypted, 1)
	policy := func(id string, kind ua.UserTokenType, security string) *ua.UserTokenPolicy {
		return &ua.UserTokenPolicy{PolicyID: id, TokenType: kind, SecurityPolicyURI: security}
	}
	const certificate = ua.UserTokenTypeCertificate
	for _, c := range []struct {
		name  string
		user  User
		offer []*ua.UserTokenPolicy
		want  string
	}{
		{"the channel's policy", UserName{}, []*ua.UserTokenPolicy{policy("a", anonymous, ""), policy("u", userName, "")}, "u"},
		{"encrypted before plain", UserName{}, []*ua.UserTokenPolicy{policy("plain", userName, config.PolicyNone), policy("u", userName, "")}, "u"},
		{"plain, inside the channel", UserName{}, []*ua.UserTokenPolicy{policy("plain", userName, config.PolicyNone)}, "plain"},
		{"stronger", UserName{}, []*ua.UserTokenPolicy{policy("u", userName, ""), policy("pss", userName, config.PolicyAes256Sha256RsaPss)}, "pss"},
		{"unsupported", UserName{}, []*ua.UserTokenPolicy{policy("ecc", userName, "x#ECC")}, ""},
		{"none for this user", UserName{}, []*ua.UserTokenPolicy{policy("a", anonymous, "")}, ""},
		{"anonymous", Anonymous{}, []*ua.UserTokenPolicy{policy("a", anonymous, "x#anything")}, "a"},
		{"certificate", X509{}, []*ua.UserTokenPolicy{policy("u", userName, ""), policy("c", certificate, "")}, "c"},
		{"certificate without signature", X509{}, []*ua.UserTokenPolicy{policy("c", certificate, config.PolicyNone)}, ""},
	} {
		d := *basic
		d.UserIdentityTokens = c.offer
		got, err := tokenPolicy(c.user, endpoint{EndpointDescription: &d})
		if c.want == "" {
			var login *LoginError
			if !errors.As(err, &login) || login.Class() != workflow.ClassTrust || login.Hint() == "" {
				t.Errorf("%s: got %v, %v; want a LoginError", c.name, got, err)
			}
			continue
		}
		if err != nil || got.PolicyID != c.want {
			t.Errorf("%s: got %v, %v; want %s", c.name, got, err, c.want)
		}
	}
}

func TestSplitChain(t *testing.T) {
	a, b := []byte{0x30, 1, 5}, []byte{0x30, 0}
	chain, err := splitChain(slices.Concat(a, b))
	if err != nil || len(chain) != 2 || !slices.Equal(chain[0], a) || !slices.Equal(chain[1], b) {
		t.Errorf("got %v, %v", chain, err)
	}
	for _, blob := range [][]byte{bytes.Repeat(b, maximumChain+1), nil, {0x30}, {0x30, 5, 1}, {0x04, 1, 1}, {0x30, 0, 7}} {
		if _, err := splitChain(blob); err == nil {
			t.Errorf("%x: no error", blob)
		}
	}
}

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"opc.tcp://plc1:4843/path": "plc1:4843", "opc.tcp://plc1": "plc1:4840", "opc.tcp://[::1]:1": "::1:1",
		"http://plc1": "", "plc1:4840": "", "opc.tcp://": "", "": "", "opc.tcp://a b": "",
	} {
		a, err := parseURL(text)
		if got := a.host + ":" + a.port; want != "" && (err != nil || got != want) || want == "" && workflow.ClassOf(err) != workflow.ClassUsage {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestPortableNodeID(t *testing.T) {
	namespaces := []string{config.NamespaceOPCUA, "urn:a", "urn:b"}
	for text, want := range map[string]config.NodeID{
		"i=12560": "i=12560", "ns=2;s=x;y": "nsu=urn:b;s=x;y", "i=0": "",
		"ns=1;g=72962b91-fa75-4ae6-8d28-b404dc7daf63": "nsu=urn:a;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63",
		"ns=1;b=AQI=": "nsu=urn:a;b=AQI=",
	} {
		n, err := ua.ParseNodeID(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := portable(n, namespaces)
		if !ok || got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
		if back, ok := onServer(got, namespaces); !ok || !back.Equal(n) && text != "i=0" {
			t.Errorf("%s: back %v, %v", text, back, ok)
		}
	}
	if _, ok := portable(ua.NewStringNodeID(3, "x"), namespaces); ok {
		t.Error("a namespace that is not listed has a URI")
	}
	if _, ok := onServer("nsu=urn:c;i=1", namespaces); ok {
		t.Error("a namespace that the server does not have has an index")
	}
}
