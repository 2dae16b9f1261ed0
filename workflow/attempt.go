package workflow

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"

	"github.com/uapush/uapush/config"
)

// Attempt is a try to open a Session through an endpoint.
type Attempt struct {
	NetworkName string // the endpoint's, as in the configuration
	Port        uint16 // likewise
	URL         string // where it was tried
	Err         error  // nil: a Session works through it
}

// attempt opens Sessions through the endpoints that matter, one after the other
// until one works; with TryAll, all of them. The Session at hand proves its own
// endpoint. Others are tried where the server shows them, and only with the
// certificate that it shows there: over a channel with a judged certificate
// (OPC 10000-4, 5.7.2), which vouches for it.
type attempt struct{}

func (attempt) Name() string { return "try the endpoints" }

func (attempt) Skip(s *State) string {
	if s.Session.ServerIdentity().Application != "" {
		return "the endpoints are those of another application"
	}
	return ""
}

func (attempt) Run(ctx context.Context, s *State) error {
	wanted := s.wantedEndpoints()
	own := portOf(s.Session.ServerIdentity().EndpointURL)
	var tried []Attempt
	for _, e := range wanted {
		if e.Port == own {
			tried = append(tried, Attempt{NetworkName: e.NetworkName, Port: e.Port, URL: s.Session.ServerIdentity().EndpointURL})
		}
	}
	if len(tried) == 0 || s.TryAll {
		s.disconnect(ctx) // some servers have few Sessions to give
		tried = append(tried, s.tryOthers(ctx, wanted, own)...)
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	s.Tried = tried
	return nil
}

func (s *State) tryOthers(ctx context.Context, wanted []config.ServerEndpoint, own uint16) []Attempt {
	var tried []Attempt
	for _, e := range wanted {
		certificate := s.Examined.certificateAt(e.Port)
		if e.Port == own || certificate == nil || len(e.EndpointURLs) == 0 {
			continue
		}
		a := Attempt{NetworkName: e.NetworkName, Port: e.Port}
		for _, a.URL = range e.EndpointURLs {
			if _, a.Err = s.Target.Probe(ctx, a.URL, certificate); a.Err == nil {
				break
			}
		}
		tried = append(tried, a)
		if a.Err == nil && !s.TryAll || errors.Is(a.Err, context.Canceled) {
			break
		}
	}
	return tried
}

// wantedEndpoints are those of the manifest that the server has, with the
// server's URLs; without a manifest, all.
func (s *State) wantedEndpoints() []config.ServerEndpoint {
	wanted := s.Desired.Records.ServerEndpoints
	if len(wanted) == 0 {
		return s.Base.ServerEndpoints
	}
	return slices.DeleteFunc(slices.Clone(s.Base.ServerEndpoints), func(b config.ServerEndpoint) bool {
		return !slices.ContainsFunc(wanted, func(w config.ServerEndpoint) bool { return w.NetworkName == b.NetworkName && w.Port == b.Port })
	})
}

// certificateAt is what the encrypted endpoints at a port show, where it is a
// certificate that the server has in a slot, as far as that was read.
func (x Examined) certificateAt(port uint16) []byte {
	for _, at := range x.Shown {
		u, err := url.Parse(at.URL)
		if err == nil && u.Port() == strconv.Itoa(int(port)) && at.SecurityMode == config.ModeSignAndEncrypt && x.inSlot(at.Certificate) {
			return at.Certificate
		}
	}
	return nil
}

func (x Examined) inSlot(der []byte) bool {
	known := false
	for _, g := range x.Groups {
		for _, c := range g.Certificates {
			if bytes.Equal(c, der) {
				return true
			}
		}
		known = known || g.CertificatesKnown
	}
	return !known && len(der) > 0
}
