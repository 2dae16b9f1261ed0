package sim

import (
	"bytes"
	"crypto/rand"
	"maps"
	"math"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim/internal/part12"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

const (
	nonceBytes = 32
	tokenBytes = 32 // of an AuthenticationToken
	// activationTime is how long a Session that nobody logged in to is kept.
	activationTime = time.Minute
)

// session is a Session (OPC 10000-4, 5.7). sessions.mu guards it.
type session struct {
	id          *ua.NodeID
	token       *ua.NodeID
	name        string
	revised     time.Duration // the timeout that the client was told
	timeout     time.Duration // at most activationTime before it is activated
	timer       *time.Timer
	channel     *secureconv.Channel
	listener    *listener
	certificate []byte // of the client, DER of the leaf
	nonce       []byte // the last that the client was given
	busy        int    // requests being answered

	access    *space.Access // nil until activated; replaced, never changed
	who       identity      // of access
	userGroup string        // whose TrustList vouches for the user's certificate
	userChain []byte
	points    map[string]rest // continuation points
}

// sessions are the Sessions of a server, by AuthenticationToken.
type sessions struct {
	mu      sync.Mutex
	byToken map[string]*session
	last    uint32
}

// createSession answers CreateSession (OPC 10000-4, 5.7.2).
func (s *Server) createSession(l *listener, ch *secureconv.Channel, req *ua.CreateSessionRequest) ua.Response {
	offer, ok := l.offer(ch)
	if !ok {
		return secureconv.Fault(req, ua.StatusBadSecurityPolicyRejected)
	}
	secure := ch.SecurityPolicyURI() != config.PolicyNone
	if secure {
		if status := checkClient(ch, req); status != ua.StatusOK {
			return secureconv.Fault(req, status)
		}
	}
	sess := &session{
		token: ua.NewByteStringNodeID(1, random(tokenBytes)), nonce: random(nonceBytes), name: req.SessionName,
		revised: s.revise(req.RequestedSessionTimeout), channel: ch, listener: l, certificate: ch.ClientCertificate(),
		points: map[string]rest{},
	}
	sess.timeout = min(sess.revised, activationTime)
	resp := &ua.CreateSessionResponse{
		ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK), AuthenticationToken: sess.token,
		RevisedSessionTimeout: float64(sess.revised.Milliseconds()), ServerNonce: sess.nonce, ServerCertificate: bytes.Join(offer.Chain, nil),
		ServerEndpoints: s.descriptions(req.EndpointURL), ServerSoftwareCertificates: []*ua.SignedSoftwareCertificate{},
		ServerSignature: &ua.SignatureData{}, MaxRequestMessageSize: secureconv.DefaultLimits().MaxMessageSize,
	}
	if secure {
		signature, err := secureconv.Sign(ch.SecurityPolicyURI(), offer.Key, nil, ch.ClientCertificate(), req.ClientNonce)
		if err != nil {
			return secureconv.Fault(req, ua.StatusBadSecurityChecksFailed)
		}
		resp.ServerSignature = signature
	}
	if !s.sessions.add(s, sess) {
		return secureconv.Fault(req, ua.StatusBadTooManySessions)
	}
	resp.SessionID = sess.id
	return resp
}

// checkClient compares the request with the channel: the same certificate, which
// names the ApplicationUri of the client, and a nonce that is long enough.
func checkClient(ch *secureconv.Channel, req *ua.CreateSessionRequest) ua.StatusCode {
	leaf, err := leafOf(req.ClientCertificate)
	if err != nil || !bytes.Equal(leaf.Raw, ch.ClientCertificate()) {
		return ua.StatusBadCertificateInvalid
	}
	uri := ""
	if req.ClientDescription != nil {
		uri = req.ClientDescription.ApplicationURI
	}
	if !names(leaf.URIs, uri) {
		return ua.StatusBadCertificateURIInvalid
	}
	if len(req.ClientNonce) < nonceBytes {
		return ua.StatusBadNonceInvalid
	}
	return ua.StatusOK
}

func names(uris []*url.URL, uri string) bool {
	for _, u := range uris {
		if uri != "" && u.String() == uri {
			return true
		}
	}
	return false
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// revise keeps a requested timeout, in milliseconds, within the limits.
func (s *Server) revise(requested float64) time.Duration {
	limits := s.options.Limits
	if math.IsNaN(requested) {
		return limits.MaxSessionTimeout
	}
	low, high := float64(limits.MinSessionTimeout.Milliseconds()), float64(limits.MaxSessionTimeout.Milliseconds())
	return time.Duration(min(max(requested, low), high)) * time.Millisecond
}

// add numbers a Session and starts its timer; false when there are too many.
func (ss *sessions) add(s *Server, sess *session) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if len(ss.byToken) >= s.options.Limits.MaxSessions {
		return false
	}
	ss.last++
	sess.id = ua.NewNumericNodeID(1, ss.last)
	sess.timer = time.AfterFunc(sess.timeout, func() { s.expire(sess) })
	ss.byToken[sess.token.String()] = sess
	return true
}

// expire ends a Session whose client was silent, unless it is being served.
func (s *Server) expire(sess *session) {
	s.sessions.mu.Lock()
	if sess.busy > 0 {
		sess.timer.Reset(sess.timeout)
		s.sessions.mu.Unlock()
		return
	}
	s.sessions.mu.Unlock()
	s.log.Info("session timed out", "session", sess.id.String(), "name", sess.name)
	s.end(sess)
}

// end removes a Session with what it holds (OPC 10000-12, 7.10.2).
func (s *Server) end(sess *session) {
	s.sessions.mu.Lock()
	key := sess.token.String()
	present := s.sessions.byToken[key] == sess
	delete(s.sessions.byToken, key)
	sess.timer.Stop()
	s.sessions.mu.Unlock()
	if present {
		s.device().SessionClosed(sess.id.String())
	}
}

// Sessions is how many Sessions there are.
func (s *Server) Sessions() int { return len(s.sessions.all()) }

func (ss *sessions) all() []*session {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return slices.Collect(maps.Values(ss.byToken))
}

// spare picks the oldest channel without a Session: a server closes it rather than
// turn a client away (OPC 10000-4, 5.6.2).
func (ss *sessions) spare(channels []*secureconv.Channel) *secureconv.Channel {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	used := map[*secureconv.Channel]bool{}
	for _, sess := range ss.byToken {
		used[sess.channel] = true
	}
	for _, ch := range channels {
		if !used[ch] {
			return ch
		}
	}
	return nil
}

// reviewUsers ends the Sessions of users whose certificate is not trusted any more
// (OPC 10000-12, 7.10.9).
func (s *Server) reviewUsers() {
	for _, sess := range s.sessions.all() {
		s.sessions.mu.Lock()
		group, chain := sess.userGroup, sess.userChain
		s.sessions.mu.Unlock()
		if group != "" && s.device().Validate(group, chain) != ua.StatusOK {
			s.end(sess)
		}
	}
}

// enter finds the Session of a request and keeps it from timing out until leave.
// Every service but ActivateSession must come through its channel (OPC 10000-4, 5.7.3).
func (s *Server) enter(ch *secureconv.Channel, req ua.Request, activated bool) (*session, *space.Access, ua.StatusCode) {
	token := req.Header().AuthenticationToken
	if token == nil {
		return nil, nil, ua.StatusBadSessionIDInvalid
	}
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	sess := s.sessions.byToken[token.String()]
	switch {
	case sess == nil:
		return nil, nil, ua.StatusBadSessionIDInvalid
	case activated && sess.channel != ch:
		return nil, nil, ua.StatusBadSecureChannelIDInvalid
	case activated && sess.access == nil:
		return nil, nil, ua.StatusBadSessionNotActivated
	}
	sess.busy++
	sess.timer.Reset(sess.timeout)
	return sess, sess.access, ua.StatusOK
}

func (s *Server) leave(sess *session) {
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	sess.busy--
	if s.sessions.byToken[sess.token.String()] == sess {
		sess.timer.Reset(sess.timeout)
	}
}

// activateSession answers ActivateSession (OPC 10000-4, 5.7.3): the client proves
// that it holds its key, and the user who he is. A Session moves to another channel
// of the same client certificate.
func (s *Server) activateSession(l *listener, ch *secureconv.Channel, req *ua.ActivateSessionRequest) ua.Response {
	sess, previous, status := s.enter(ch, req, false)
	if status != ua.StatusOK {
		return secureconv.Fault(req, status)
	}
	defer s.leave(sess)
	offer, ok := l.offer(ch)
	switch {
	case !ok:
		return secureconv.Fault(req, ua.StatusBadSecurityPolicyRejected)
	case !bytes.Equal(sess.certificate, ch.ClientCertificate()), sess.channel != ch && previous == nil:
		return secureconv.Fault(req, ua.StatusBadSecureChannelIDInvalid)
	}
	s.sessions.mu.Lock()
	nonce := sess.nonce
	s.sessions.mu.Unlock()
	if !signedFor(ch, offer, req.ClientSignature, nonce) {
		return secureconv.Fault(req, ua.StatusBadApplicationSignatureInvalid)
	}
	who, status := s.authenticate(l, offer, req, nonce)
	if status != ua.StatusOK {
		return secureconv.Fault(req, status)
	}
	if sess.channel != ch && previous.User != who.user {
		return secureconv.Fault(req, ua.StatusBadIdentityChangeNotSupported)
	}
	next := random(nonceBytes)
	access := s.grant(sess, l, ch, offer, who)
	s.sessions.mu.Lock()
	sess.timeout = sess.revised
	sess.who = who
	sess.access, sess.userGroup, sess.userChain = access, who.group, who.chain
	sess.channel, sess.listener, sess.nonce = ch, l, next
	s.sessions.mu.Unlock()
	return &ua.ActivateSessionResponse{
		ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK), ServerNonce: next, Results: []ua.StatusCode{}, DiagnosticInfos: []*ua.DiagnosticInfo{},
	}
}

// grant is what an activated Session may do.
func (s *Server) grant(sess *session, l *listener, ch *secureconv.Channel, offer part12.Offer, who identity) *space.Access {
	a := &space.Access{
		SessionID: sess.id.String(), Mode: ch.SecurityMode(), User: who.user, ClientCertificate: ch.ClientCertificate(),
	}
	a.Roles = s.roles(who, a)
	if len(offer.Chain) > 0 {
		a.ServerCertificate = offer.Chain[0]
	}
	if e := l.current(); len(e.EndpointURLs) > 0 {
		a.EndpointURL = e.EndpointURLs[0]
	}
	return a
}

// signedFor checks the client's signature over our certificate and its nonce. We
// sent the chain; stacks sign it whole, or only its leaf as OPC 10000-4, 7.38 has it.
func signedFor(ch *secureconv.Channel, offer part12.Offer, sig *ua.SignatureData, nonce []byte) bool {
	if ch.SecurityPolicyURI() == config.PolicyNone {
		return true
	}
	for _, certificate := range [][]byte{offer.Chain[0], bytes.Join(offer.Chain, nil)} {
		if secureconv.VerifySignature(ch.SecurityPolicyURI(), ch.ClientCertificate(), sig, certificate, nonce) == nil {
			return true
		}
	}
	return false
}

// closeSession answers CloseSession (OPC 10000-4, 5.7.4).
func (s *Server) closeSession(ch *secureconv.Channel, req *ua.CloseSessionRequest) ua.Response {
	sess, _, status := s.enter(ch, req, false)
	if status != ua.StatusOK {
		return secureconv.Fault(req, status)
	}
	defer s.leave(sess)
	if sess.channel != ch {
		return secureconv.Fault(req, ua.StatusBadSecureChannelIDInvalid)
	}
	s.end(sess)
	return &ua.CloseSessionResponse{ResponseHeader: secureconv.ResponseHeader(req, ua.StatusOK)}
}
