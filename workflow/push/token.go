package push

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

// activateSession proves the client's key and names the user (OPC 10000-4, 5.7.3).
func (t *Target) activateSession(ctx context.Context, s *Session, e endpoint, nonce []byte) error {
	signature, err := secureconv.Sign(e.SecurityPolicyURI, t.o.Identity.Key, e.leaf, e.leaf, nonce)
	if err != nil {
		return fmt.Errorf("sign for ActivateSession: %w", err)
	}
	token, tokenSignature, err := userToken(t.o.User, e, nonce)
	if err != nil {
		return err
	}
	req := &ua.ActivateSessionRequest{
		ClientSignature:    signature,
		UserIdentityToken:  token,
		UserTokenSignature: tokenSignature,
	}
	_, err = sendAs[*ua.ActivateSessionResponse](ctx, s, "ActivateSession", req)
	var call *CallError
	switch {
	case errors.As(err, &call) && rejectsUser(call.Status):
		return &LoginError{User: t.o.User.String(), Type: config.TokenType(t.o.User.tokenType()), Err: call}
	case err != nil:
		return t.withoutSession(e.EndpointURL, err)
	}
	return nil
}

func rejectsUser(s ua.StatusCode) bool {
	switch s {
	case ua.StatusBadIdentityTokenRejected, ua.StatusBadIdentityTokenInvalid, ua.StatusBadUserAccessDenied,
		ua.StatusBadUserSignatureInvalid, ua.StatusBadIdentityChangeNotSupported:
		return true
	}
	return false
}

// userToken makes the UserIdentityToken for the endpoint (OPC 10000-4, 7.40) and
// the signature that goes with an X509 token; other kinds have an empty one.
func userToken(u User, e endpoint, nonce []byte) (*ua.ExtensionObject, *ua.SignatureData, error) {
	policy, err := tokenPolicy(u, e)
	if err != nil {
		return nil, nil, err
	}
	security := policy.SecurityPolicyURI
	if security == "" {
		security = e.SecurityPolicyURI
	}
	switch u := u.(type) {
	case UserName:
		token, err := u.token(policy.PolicyID, security, e.leaf, nonce)
		if err != nil {
			return nil, nil, err
		}
		return ua.NewExtensionObject(token), &ua.SignatureData{}, nil
	case X509:
		signature, err := secureconv.Sign(security, u.Key, e.leaf, e.leaf, nonce)
		if err != nil {
			return nil, nil, fmt.Errorf("sign with the user's key: %w", err)
		}
		token := &ua.X509IdentityToken{PolicyID: policy.PolicyID, CertificateData: u.Certificate}
		return ua.NewExtensionObject(token), signature, nil
	}
	return ua.NewExtensionObject(&ua.AnonymousIdentityToken{PolicyID: policy.PolicyID}), &ua.SignatureData{}, nil
}

// token encrypts the password with the server's nonce (OPC 10000-4, 7.40.2.2).
// With SecurityPolicy None it relies on the channel, which always encrypts here.
func (u UserName) token(policyID, security string, leaf, nonce []byte) (*ua.UserNameIdentityToken, error) {
	if u.Password == nil {
		return nil, &LoginError{User: u.String(), Type: config.TokenUserName, Err: errNoPassword}
	}
	password, err := u.Password()
	if err != nil {
		return nil, fmt.Errorf("read the password of %s: %w", u, err)
	}
	defer clear(password)
	token := &ua.UserNameIdentityToken{PolicyID: policyID, UserName: u.Name}
	if security == config.PolicyNone {
		token.Password = slices.Clone(password)
		return token, nil
	}
	token.Password, token.EncryptionAlgorithm, err = secureconv.EncryptSecret(security, leaf, password, nonce)
	if err != nil {
		return nil, fmt.Errorf("encrypt the password: %w", err)
	}
	return token, nil
}

var errNoPassword = errors.New("no password was given")

// tokenPolicy picks the UserTokenPolicy for a user: one whose security policy we
// support, the strongest first, an encrypting one before None.
func tokenPolicy(u User, e endpoint) (*ua.UserTokenPolicy, error) {
	var fit []*ua.UserTokenPolicy
	for _, p := range e.UserIdentityTokens {
		if p.TokenType == u.tokenType() && tokenRank(u, p, e) >= 0 {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		wrongKind := &tokenTypeError{want: u.tokenType(), offers: e.UserIdentityTokens}
		return nil, &LoginError{User: u.String(), Type: config.TokenType(u.tokenType()), Err: wrongKind}
	}
	return slices.MinFunc(fit, func(a, b *ua.UserTokenPolicy) int { return tokenRank(u, a, e) - tokenRank(u, b, e) }), nil
}

// tokenRank is the lower the better; negative is unusable.
func tokenRank(u User, p *ua.UserTokenPolicy, e endpoint) int {
	security := p.SecurityPolicyURI
	if security == "" {
		security = e.SecurityPolicyURI
	}
	if u.tokenType() == ua.UserTokenTypeAnonymous {
		return 0
	}
	if security == config.PolicyNone && u.tokenType() == ua.UserTokenTypeUserName {
		return len(policies)
	}
	return slices.Index(policies, security)
}

// tokenTypeError says that the endpoint takes other kinds of user.
type tokenTypeError struct {
	want   ua.UserTokenType
	offers []*ua.UserTokenPolicy
}

func (e *tokenTypeError) Error() string {
	return fmt.Sprintf("the endpoint takes no %v token that this client supports; it takes %s",
		config.TokenType(e.want), listOr(e.names(), "none"))
}

func (e *tokenTypeError) names() []string {
	var names []string
	for _, p := range e.offers {
		if n := config.TokenType(p.TokenType).String(); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// Hint names the flags for what the endpoint takes.
func (e *tokenTypeError) Hint() string {
	var ways []string
	names := e.names()
	if slices.Contains(names, config.TokenUserName.String()) {
		ways = append(ways, "--user NAME and --password-file FILE")
	}
	if slices.Contains(names, config.TokenCertificate.String()) {
		ways = append(ways, "--user-cert FILE and --user-key FILE")
	}
	if len(ways) == 0 {
		return "the server's administrator has to enable another kind of user"
	}
	return "give " + strings.Join(ways, ", or ")
}
