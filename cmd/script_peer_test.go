package cmd_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/gopcua/opcua/ua"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/pki"
	"github.com/uapush/uapush/pki/pkitest"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// startPeer is the command peer KIND: something that listens at PEER_URL and is
// no server to be managed. http answers like a web server, silent never, closed
// listens no more, malformed gives an answer to another question, oversized
// announces an answer of 2 GiB, painter uses words that a terminal would obey,
// unsecured is an OPC UA server without security, and the other kinds are servers
// whose certificate breaks one rule. PEER_PIN pins it.
func startPeer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: peer KIND")
	}
	r := rigOf(ts)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	r.setenv(ts, "PEER_URL", fmt.Sprintf("opc.tcp://%s", l.Addr()))
	r.setenv(ts, "PEER_PORT", fmt.Sprint(l.Addr().(*net.TCPAddr).Port))
	switch kind := args[0]; kind {
	case "closed":
		ts.Check(l.Close())
	case "http":
		r.serveRaw(l, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") })
	case "silent":
		r.serveRaw(l, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	case "malformed":
		r.servePeer(l, nil)
	case "oversized":
		r.serveRaw(l, announceTooMuch)
	case "unsecured":
		r.servePeer(l, endpointsWithout)
	case "painter":
		r.servePeer(l, painted)
	default:
		id := r.peerIdentity(ts, kind)
		r.setenv(ts, "PEER_PIN", "sha256:"+pki.Fingerprint(id.Leaf()))
		r.servePeer(l, func(url string) []*ua.EndpointDescription { return endpointsWith(url, id.Leaf()) })
	}
}

// announceTooMuch takes a Hello with an Acknowledge, and then begins a message
// that is larger than what was negotiated (OPC 10000-6, 7.1.2).
func announceTooMuch(c net.Conn) {
	buf := make([]byte, 4096)
	for _, answer := range []string{
		"ACKF\x1c\x00\x00\x00" + "\x00\x00\x00\x00" + "\xff\xff\x00\x00\xff\xff\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00",
		"OPNF\xff\xff\xff\x7f",
	} {
		if _, err := c.Read(buf); err != nil {
			return
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
	_, _ = io.Copy(io.Discard, c)
}

const peerURI = "urn:test:peer"

func (r *rig) peerIdentity(ts *testscript.TestScript, kind string) pkitest.Identity {
	o := pkitest.Options{URI: peerURI, Name: "peer"}
	switch kind {
	case "sound":
	case "expired":
		return pkitest.Expired(r.t, o)
	case "other-uri":
		o.URI = "urn:test:somebody-else"
	case "other-host":
		o.Hosts = []string{"plc9.example"}
	case "short-key":
		o.Key = pkitest.ShortKey()
	case "no-usage":
		o.Change = func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }
	default:
		ts.Fatalf("there is no peer %s", kind)
	}
	return pkitest.Application(r.t, o)
}

// expiredIdentity is the command expired DIR: it makes a client identity that
// was good until yesterday.
func expiredIdentity(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: expired DIR")
	}
	id := pkitest.Expired(rigOf(ts).t, pkitest.Options{URI: "urn:test:uapush"})
	key, err := pki.EncodeKey(id.Key)
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	ts.Check(os.WriteFile(filepath.Join(dir, pki.IdentityKeyFile), key, 0o600))
	ts.Check(os.WriteFile(filepath.Join(dir, pki.IdentityCertificateFile), id.Leaf(), 0o644))
}

func (r *rig) serveRaw(l net.Listener, answer func(net.Conn)) {
	var wg sync.WaitGroup
	conns := make(chan net.Conn, 64)
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns <- c
			wg.Go(func() {
				defer c.Close()
				answer(c)
			})
		}
	})
	r.closers = append(r.closers, func() {
		l.Close()
		for len(conns) > 0 {
			(<-conns).Close()
		}
		wg.Wait()
	})
}

// servePeer answers GetEndpoints and FindServers, and refuses everything else.
func (r *rig) servePeer(l net.Listener, endpoints func(url string) []*ua.EndpointDescription) {
	ctx, cancel := context.WithCancel(context.Background())
	url := fmt.Sprintf("opc.tcp://%s", l.Addr())
	done := make(chan error, 1)
	go func() {
		done <- secureconv.Serve(ctx, l, secureconv.ServerConfig{
			Limits:   secureconv.DefaultLimits(),
			Identity: func([]byte) (secureconv.Identity, bool) { return secureconv.Identity{}, false },
			Accept:   func(secureconv.OpenRequest) error { return nil },
			Handle: func(_ context.Context, _ *secureconv.Channel, req ua.Request) ua.Response {
				switch req.(type) {
				case *ua.GetEndpointsRequest:
					if endpoints == nil { // the answer to another question
						return &ua.FindServersResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK)}
					}
					return &ua.GetEndpointsResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK), Endpoints: endpoints(url)}
				case *ua.FindServersRequest:
					resp := &ua.FindServersResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK)}
					for _, e := range endpoints(url) {
						resp.Servers = append(resp.Servers, e.Server)
					}
					return resp
				}
				return secureconv.Fault(req, ua.StatusBadServiceUnsupported)
			},
		})
	}()
	r.closers = append(r.closers, func() {
		cancel()
		<-done
	})
}

// painted are endpoints whose words would paint on a terminal.
func painted(url string) []*ua.EndpointDescription {
	e := endpointsWithout(url)[0]
	e.EndpointURL += "/\x1b[2J"
	e.SecurityPolicyURI += "\x1b[31m"
	e.Server.ApplicationURI += "\x1b]0;title\a"
	e.Server.ApplicationName = ua.NewLocalizedText("peer\u202e\r\nOK")
	return []*ua.EndpointDescription{e}
}

func endpointsWith(url string, leaf []byte) []*ua.EndpointDescription {
	e := endpointsWithout(url)[0]
	e.ServerCertificate, e.SecurityMode, e.SecurityPolicyURI = leaf, ua.MessageSecurityModeSignAndEncrypt, config.PolicyBasic256Sha256
	return []*ua.EndpointDescription{e}
}

func endpointsWithout(url string) []*ua.EndpointDescription {
	return []*ua.EndpointDescription{{
		EndpointURL: url, SecurityMode: ua.MessageSecurityModeNone, SecurityPolicyURI: config.PolicyNone,
		TransportProfileURI: config.TransportUATCP,
		Server: &ua.ApplicationDescription{
			ApplicationURI: peerURI, ApplicationName: &ua.LocalizedText{}, DiscoveryURLs: []string{url},
		},
		UserIdentityTokens: []*ua.UserTokenPolicy{
			{PolicyID: "anonymous", TokenType: ua.UserTokenTypeAnonymous},
			{PolicyID: "username", TokenType: ua.UserTokenTypeUserName, SecurityPolicyURI: config.PolicyBasic256Sha256},
		},
	}}
}
