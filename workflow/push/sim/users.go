package sim

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

const (
	// hashIterations is low for a stored password; these hashes live in memory only,
	// and every login waits for one.
	hashIterations = 10_000
	hashBytes      = 32
	// freeAttempts is how many wrong passwords in a row cost nothing; each further
	// one doubles the time for which the account refuses, up to maxLock.
	freeAttempts = 5
	maxLock      = time.Minute
)

// account is a user. Only a salted hash of the password is kept.
type account struct {
	name        string
	salt, hash  []byte
	certificate []byte
	roles       []uint32
	failures    int
	locked      time.Time // no attempt before
}

// accounts are the users of a server.
type accounts struct {
	mu      sync.Mutex
	byName  map[string]*account
	unknown *account // stands in for every name there is not, so that those cost the same
}

func newAccounts(o Options) (*accounts, error) {
	a := &accounts{byName: map[string]*account{}}
	users := o.Users
	if o.Admin.Name != "" {
		admin := o.Admin
		admin.Roles = append([]Role{SecurityAdmin, ConfigureAdmin}, admin.Roles...)
		users = append([]User{admin}, users...)
	}
	for _, u := range users {
		if u.Name == "" {
			return nil, fmt.Errorf("a user has no name")
		}
		if a.byName[u.Name] != nil {
			return nil, fmt.Errorf("user %q twice", u.Name)
		}
		account, err := newAccount(u)
		if err != nil {
			return nil, err
		}
		a.byName[u.Name] = account
	}
	a.unknown = &account{salt: random(16), hash: random(hashBytes)}
	return a, nil
}

func newAccount(u User) (*account, error) {
	acc := &account{name: u.Name, certificate: u.Certificate, roles: []uint32{space.RoleAnonymous, space.RoleAuthenticatedUser}}
	for _, r := range u.Roles {
		acc.roles = append(acc.roles, uint32(r))
	}
	acc.salt, acc.hash = random(16), random(hashBytes)
	if u.Password == "" {
		return acc, nil
	}
	var err error
	acc.hash, err = pbkdf2.Key(sha256.New, u.Password, acc.salt, hashIterations, hashBytes)
	return acc, err
}

// anyAdmin says whether a user has the SecurityAdmin Role.
func (a *accounts) anyAdmin() bool {
	for _, acc := range a.byName {
		if slices.Contains(acc.roles, space.RoleSecurityAdmin) {
			return true
		}
	}
	return false
}

// login checks a password. Refusals do not say whether the user exists.
func (a *accounts) login(name string, password []byte, now time.Time) (*account, ua.StatusCode) {
	a.mu.Lock()
	acc := a.byName[name]
	if acc == nil {
		acc = a.unknown
	}
	if now.Before(acc.locked) {
		a.mu.Unlock()
		return nil, ua.StatusBadUserAccessDenied
	}
	a.mu.Unlock()

	hash, err := pbkdf2.Key(sha256.New, string(password), acc.salt, hashIterations, hashBytes)
	good := err == nil && subtle.ConstantTimeCompare(hash, acc.hash) == 1 && acc != a.unknown

	a.mu.Lock()
	defer a.mu.Unlock()
	if good {
		acc.failures, acc.locked = 0, time.Time{}
		return acc, ua.StatusOK
	}
	acc.failures++
	if over := acc.failures - freeAttempts; over > 0 {
		acc.locked = now.Add(min(time.Second<<min(over-1, 10), maxLock))
	}
	return nil, ua.StatusBadUserAccessDenied
}

// certificate finds the user with a certificate; nil when none is configured.
func (a *accounts) certificate(der []byte) *account {
	for _, acc := range a.byName {
		if len(acc.certificate) > 0 && bytes.Equal(acc.certificate, der) {
			return acc
		}
	}
	return nil
}
