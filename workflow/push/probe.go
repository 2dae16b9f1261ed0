package push

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
)

// Probe opens a Session through the endpoint at a URL, reads the server's time
// and closes it. Only an endpoint with SignAndEncrypt and exactly the given
// certificate (DER) will do; the certificate itself needs no other judge.
//
// A host name that means nothing here may still be right for the server's other
// clients: then the host that the operator gave is dialled instead.
func (t *Target) Probe(ctx context.Context, endpointURL string, certificate []byte) (workflow.Probe, error) {
	at, err := parseURL(endpointURL)
	if err != nil {
		return workflow.Probe{}, err
	}
	p, err := t.probeAt(ctx, at, certificate)
	var unknown *net.DNSError
	if errors.As(err, &unknown) && at.host != t.at.host {
		at.host = t.at.host
		return t.probeAt(ctx, at, certificate)
	}
	return p, err
}

func (t *Target) probeAt(ctx context.Context, at address, certificate []byte) (workflow.Probe, error) {
	there := &Target{o: t.o, at: at, dial: t.dial}
	var e endpoint
	s, err := there.discoverAndConnect(ctx, func(all []*ua.EndpointDescription) (_ endpoint, err error) {
		e, err = there.withCertificate(all, certificate)
		return e, err
	})
	if err != nil {
		return workflow.Probe{}, err
	}
	defer s.abandon(ctx)
	values, err := s.read(ctx, []*ua.NodeID{numeric(idCurrentTime)})
	if err != nil {
		return workflow.Probe{}, err
	}
	now, ok := valueAs[time.Time](values[0])
	if !ok {
		return workflow.Probe{}, &CallError{Method: "Read ServerStatus.CurrentTime", Status: statusOf(values[0])}
	}
	return workflow.Probe{
		EndpointURL:       e.EndpointURL,
		SecurityMode:      config.SecurityMode(e.SecurityMode),
		SecurityPolicyURI: e.SecurityPolicyURI,
		CertificateSHA256: fingerprint(e.leaf),
		ServerTime:        now,
	}, nil
}

// withCertificate picks the endpoint among those that show the certificate.
func (t *Target) withCertificate(all []*ua.EndpointDescription, certificate []byte) (endpoint, error) {
	var fit []*ua.EndpointDescription
	var found []string
	ports := advertisedPorts(all)
	for _, d := range all {
		a, err := parseURL(d.EndpointURL)
		if err != nil || ports[t.at.port] && a.port != t.at.port {
			continue
		}
		leaf := leafOf(d.ServerCertificate)
		if bytes.Equal(leaf, certificate) {
			fit = append(fit, d)
		} else if f := "sha256:" + fingerprint(leaf); leaf != nil && !slices.Contains(found, f) {
			found = append(found, f)
		}
	}
	if len(fit) == 0 {
		return endpoint{}, &WrongServerError{URL: t.at.url, Want: fingerprint(certificate), Found: found}
	}
	return choose(fit, t.at, t.o.User.tokenType())
}
