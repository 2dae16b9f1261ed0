package hostile

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gopcua/opcua/ua"
	"github.com/gopcua/opcua/uapolicy"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/pki/pkitest"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

type identity = pkitest.Identity

// script is what a server does that an honest one does not. What is nil is honest.
type script struct {
	connect func(c *link) error                // before anything is read; an error ends the connection
	hello   func(c *link) error                // answers a Hello
	open    map[string]func(o *opening) error  // answers an OPN; key "open" or "open for discovery"
	answer  map[string]func(x *exchange) error // answers a request, by service; "" is any other
	write   func(c *link, b []byte) error      // sends a frame
	model   func(m *model)                     // changes what there is to see
}

// over is done: the connection ends without an error that anybody wants to see.
var errOver = errors.New("over")

// server is a scripted one.
type server struct {
	t       *testing.T
	script  script
	id      identity
	l       net.Listener
	model   *model
	numbers atomic.Uint32

	mu     sync.Mutex
	counts map[string]int
	conns  map[net.Conn]bool
	secret bool // the password was readable to this server
}

// start serves until the test ends.
func start(t *testing.T, sc script) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
		t: t, script: sc, l: l, id: serverIdentity(t), counts: map[string]int{}, conns: map[net.Conn]bool{},
	}
	s.model = newModel(s)
	if sc.model != nil {
		sc.model(s.model)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			work.Go(func() { s.talk(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		work.Wait()
	})
	return s
}

func (s *server) talk(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	c := &link{Conn: conn, s: s, in: bufio.NewReader(conn), keys: map[uint32]*uapolicy.EncryptionAlgorithm{}, parts: map[uint32][]byte{}}
	if f := s.script.connect; f != nil {
		if f(c) != nil {
			return
		}
	}
	c.serve()
}

func (s *server) url() string { return "opc.tcp://" + s.l.Addr().String() }

func (s *server) number() uint32 { return s.numbers.Add(1) }

// owner is the key that a client means by a thumbprint.
func (s *server) owner(thumbprint []byte) *rsa.PrivateKey {
	for _, id := range []identity{s.id, strangerIdentity(s.t)} {
		if sum := sha1.Sum(id.Leaf()); bytes.Equal(sum[:], thumbprint) {
			return id.Key
		}
	}
	return s.id.Key
}

// heard looks for the password in what this server can read.
func (s *server) heard(b []byte) {
	if bytes.Contains(b, []byte(password)) {
		s.mu.Lock()
		s.secret = true
		s.mu.Unlock()
	}
}

// heardToken tries every key that this server has on a user's token.
func (s *server) heardToken(req *ua.ActivateSessionRequest) {
	token, ok := req.UserIdentityToken.Value.(*ua.UserNameIdentityToken)
	if !ok {
		return
	}
	s.heard(token.Password)
	for _, id := range []identity{s.id, strangerIdentity(s.t)} {
		for _, policy := range []string{config.PolicyBasic256Sha256, config.PolicyAes256Sha256RsaPss} {
			alg, err := uapolicy.Asymmetric(policy, id.Key, nil)
			if err != nil {
				continue
			}
			if plain, err := alg.Decrypt(token.Password); err == nil {
				s.heard(plain)
			}
		}
	}
}

// count numbers what happens, from 1.
func (s *server) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
	return s.counts[what]
}

// exchange is one request and its answer.
type exchange struct {
	c       *link
	req     ua.Request
	id      uint32 // RequestId
	service string
	n       int         // requests of this service before
	resp    ua.Response // what an honest server answers
}

func (s *server) answer(x *exchange) error {
	x.service = serviceOf(x.req)
	x.n = s.count(x.service) - 1
	if req, ok := x.req.(*ua.ActivateSessionRequest); ok {
		s.heardToken(req)
	}
	x.resp = s.model.answer(x)
	f := s.script.answer[x.service]
	if f == nil {
		f = s.script.answer[""]
	}
	if f == nil {
		return x.send()
	}
	return f(x)
}

// send answers honestly, or with what x.resp was changed to.
func (x *exchange) send() error { return x.raw(encode(x.resp)) }

// raw answers with a body.
func (x *exchange) raw(body []byte) error {
	for _, b := range x.c.chunks("MSG", x.id, body) {
		if err := x.c.write(b); err != nil {
			return err
		}
	}
	return nil
}

// header is the ResponseHeader of an honest answer, encoded.
func (x *exchange) header() []byte {
	b, err := ua.Encode(secureconv.ResponseHeader(x.req, ua.StatusOK))
	if err != nil {
		panic(err)
	}
	return b
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func serverIdentity(t *testing.T) identity { return identities(t)[0] }

// strangerIdentity is a good certificate that nobody vouched for.
func strangerIdentity(t *testing.T) identity { return identities(t)[1] }

var (
	identitiesOnce sync.Once
	identitiesMade [2]identity
)

func identities(t *testing.T) [2]identity {
	identitiesOnce.Do(func() {
		identitiesMade = [2]identity{
			pkitest.Application(t, pkitest.Options{Key: pkitest.Key(0), URI: serverURI, Name: "server"}),
			pkitest.Application(t, pkitest.Options{Key: pkitest.Key(1), URI: serverURI, Name: "stranger"}),
		}
	})
	return identitiesMade
}
