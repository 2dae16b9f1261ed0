package push

import (
	"slices"

	"github.com/uapush/uapush/config"
)

// At is the same client at another URL: of the same server, as a rule. Its
// certificate is judged as that of any other.
func (t *Target) At(url string) (*Target, error) {
	o := t.o
	o.URL = url
	return New(o)
}

// Token is the kind of user that the client logs in as.
func (t *Target) Token() config.TokenType { return config.TokenType(t.o.User.tokenType()) }

// Policies are the SecurityPolicyUris that this client supports, the strongest first.
func Policies() []string { return slices.Clone(policies) }
