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
// endpoint. Others are tried where the server shows them, and only with a
// certificate that the Session vouches for.
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
	id := s.Session.ServerIdentity()
	own := portOf(id.EndpointURL)
	var tried []Attempt
	for _, e := range wanted {
		if e.Port == own {
			tried = append(tried, Attempt{NetworkName: e.NetworkName, Port: e.Port, URL: id.EndpointURL})
		}
	}
	if len(tried) == 0 || s.TryAll {
		s.disconnect(ctx) // some servers have few Sessions to give
		tried = append(tried, s.tryOthers(ctx, wanted, own, id.Certificate)...)
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	s.Tried = tried
	return nil
}

func (s *State) tryOthers(ctx context.Context, wanted []config.ServerEndpoint, own uint16, session []byte) []Attempt {
	var tried []Attempt
	for _, e := range wanted {
		certificate := s.Examined.certificateAt(e.Port, session)
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

// certificateAt is what the encrypted endpoints at a port show, where it is the
// certificate of the Session, or one that the server has in a slot: discovery
// alone is not protected, and a password follows.
func (x Examined) certificateAt(port uint16, session []byte) []byte {
	for _, at := range x.Shown {
		u, err := url.Parse(at.URL)
		if err == nil && u.Port() == strconv.Itoa(int(port)) && at.SecurityMode == config.ModeSignAndEncrypt &&
			(bytes.Equal(at.Certificate, session) || x.inSlot(at.Certificate)) {
			return at.Certificate
		}
	}
	return nil
}

func (x Examined) inSlot(der []byte) bool {
	for _, g := range x.Groups {
		for _, c := range g.Certificates {
			if bytes.Equal(c, der) {
				return true
			}
		}
	}
	return false
}
