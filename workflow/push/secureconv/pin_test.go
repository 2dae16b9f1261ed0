package secureconv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uasc"
)

// impostor makes an OPN frame by somebody else, for the client to swallow: what
// a path attacker with a certificate of its own can send.
func impostor(t *testing.T, genuine []byte, policy string, as Identity, forID Identity) []byte {
	t.Helper()
	head := uasc.NewAsymmetricSecurityHeader(policy, as.blob(), thumbprint(forID.Leaf()))
	security, err := head.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b := append(bytes.Clone(genuine[:channelHeader]), security...)
	header := len(b)
	b = binary.LittleEndian.AppendUint32(b, 1)
	b = binary.LittleEndian.AppendUint32(b, 1)
	keys, err := openProtection(policy, as, clientID[2048]().Leaf())
	if err != nil {
		t.Fatal(err)
	}
	body := encoded(&ua.OpenSecureChannelResponse{
		ResponseHeader: ResponseHeader(nil, ua.StatusOK),
		SecurityToken:  &ua.ChannelSecurityToken{ChannelID: 1, TokenID: 1, RevisedLifetime: 60000},
		ServerNonce:    make([]byte, 32),
	})
	b, err = keys.seal(append(b, body...), header)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPinnedCertificate(t *testing.T) {
	for _, tc := range []struct {
		name string
		fake func(t *testing.T, genuine []byte) []byte
		want error
	}{
		{"stranger", func(t *testing.T, b []byte) []byte {
			return impostor(t, b, policies[0], strangerID(), clientID[2048]())
		}, ErrServerCertificate},
		{"other policy", func(t *testing.T, b []byte) []byte {
			return impostor(t, b, policies[2], strangerID(), clientID[2048]())
		}, ua.StatusBadSecurityChecksFailed},
		{"no security", func(_ *testing.T, b []byte) []byte {
			head, _ := uasc.NewAsymmetricSecurityHeader(ua.SecurityPolicyURINone, nil, nil).Encode()
			b = append(append(bytes.Clone(b[:channelHeader]), head...), make([]byte, 100)...)
			binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
			return b
		}, ua.StatusBadSecurityChecksFailed},
		{"for somebody else", func(t *testing.T, b []byte) []byte {
			return impostor(t, b, policies[0], serverID[2048](), strangerID())
		}, ua.StatusBadSecurityChecksFailed},
		{"signature", func(_ *testing.T, b []byte) []byte {
			b[len(b)-1] ^= 1
			return b
		}, ua.StatusBadSecurityChecksFailed},
		{"other channel", func(t *testing.T, b []byte) []byte {
			return impostor(t, b, policies[0], serverID[2048](), clientID[2048]()) // with the server's key: only ids and numbers are wrong
		}, nil},
	} {
		for _, at := range []int{1, 2} {
			t.Run(tc.name+map[int]string{1: " at open", 2: " at renewal"}[at], func(t *testing.T) {
				if tc.want == nil && at == 1 {
					t.Skip("a first open may have any channel id")
				}
				server := serverConfig()
				server.MaxTokenLifetime = time.Second
				opens := 0
				cfg := clientConfig(proxy(t, serve(t, server), nil, func(b []byte) []byte {
					if string(b[:3]) == "OPN" {
						if opens++; opens == at {
							return tc.fake(t, b)
						}
					}
					return b
				}))
				c, err := Dial(testContext(t), cfg)
				if at == 2 {
					if err != nil {
						t.Fatal(err)
					}
					<-c.Done()
					err = c.Err()
				}
				if err == nil || (tc.want != nil && !errors.Is(err, tc.want)) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
			})
		}
	}
}

func TestServerChecksRenewal(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(c *Client)
		want   ua.StatusCode
	}{
		{"other certificate", func(c *Client) {
			c.cfg.Local = strangerID()
			c.opnKey, _ = openProtection(c.conv.policy, c.cfg.Local, c.pinned)
		}, ua.StatusBadSecurityChecksFailed},
		{"other policy", func(c *Client) {
			c.conv.policy = policies[2]
			c.opnKey, _ = openProtection(c.conv.policy, c.cfg.Local, c.pinned)
		}, ua.StatusBadSecurityChecksFailed},
		{"other mode", func(c *Client) { c.cfg.SecurityMode = ua.MessageSecurityModeSign }, ua.StatusBadSecurityModeRejected},
		{"server certificate gone", nil, ua.StatusBadCertificateInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := serverConfig()
			asked := 0
			if tc.change == nil {
				server.Identity = func(tp []byte) (Identity, bool) {
					asked++
					return serverID[2048](), asked == 1
				}
			}
			cfg := clientConfig(serve(t, server))
			c := dial(t, cfg)
			if tc.change != nil {
				tc.change(c)
			}
			_, err := c.open(testContext(t), ua.SecurityTokenRequestTypeRenew)
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}
