package sim

import (
	"bytes"
	"slices"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim/internal/part12"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// identity is who a user token proved to be.
type identity struct {
	user        string // "" is anonymous
	token       ua.UserTokenType
	certificate []byte // DER of the leaf, of a certificate user
	roles       []uint32
	group       string // CertificateGroup that vouches for chain; "" where none has to
	chain       []byte
}

// authenticate checks the user token of ActivateSession against the tokens that
// the endpoint offers (OPC 10000-4, 7.40).
func (s *Server) authenticate(l *listener, offer part12.Offer, req *ua.ActivateSessionRequest, nonce []byte) (identity, ua.StatusCode) {
	e := l.current()
	var value any
	if req.UserIdentityToken != nil {
		value = req.UserIdentityToken.Value
	}
	find := func(t config.TokenType, id string) (config.UserTokenSettings, bool) {
		for i, settings := range e.Tokens {
			// No PolicyId is needed where there is no token (5.7.3.2).
			if settings.TokenType == t && (policyID(e, i) == id || t == config.TokenAnonymous && id == "") {
				return settings, true
			}
		}
		return config.UserTokenSettings{}, false
	}
	switch token := value.(type) {
	case nil:
		return anonymous(find(config.TokenAnonymous, ""))
	case *ua.AnonymousIdentityToken:
		return anonymous(find(config.TokenAnonymous, token.PolicyID))
	case *ua.UserNameIdentityToken:
		settings, ok := find(config.TokenUserName, token.PolicyID)
		if !ok {
			return identity{}, ua.StatusBadIdentityTokenInvalid
		}
		return s.userName(token, tokenPolicyURI(settings, offer), offer, nonce)
	case *ua.X509IdentityToken:
		settings, ok := find(config.TokenCertificate, token.PolicyID)
		if !ok {
			return identity{}, ua.StatusBadIdentityTokenInvalid
		}
		return s.userCertificate(token, settings, offer, req.UserTokenSignature, nonce)
	}
	return identity{}, ua.StatusBadIdentityTokenInvalid
}

func anonymous(_ config.UserTokenSettings, offered bool) (identity, ua.StatusCode) {
	if !offered {
		return identity{}, ua.StatusBadIdentityTokenRejected
	}
	return identity{token: ua.UserTokenTypeAnonymous, roles: []uint32{space.RoleAnonymous}}, ua.StatusOK
}

// userName decrypts and checks a password (7.40.4). One in clear is never taken.
func (s *Server) userName(token *ua.UserNameIdentityToken, policy string, offer part12.Offer, nonce []byte) (identity, ua.StatusCode) {
	if policy == config.PolicyNone {
		return identity{}, ua.StatusBadIdentityTokenRejected
	}
	password, err := secureconv.DecryptSecret(policy, offer.Key, token.Password, nonce)
	if err != nil {
		return identity{}, ua.StatusBadIdentityTokenInvalid
	}
	defer clear(password)
	acc, status := s.accounts.login(token.UserName, password, time.Now())
	if status != ua.StatusOK {
		s.log.Warn("login refused", "user", token.UserName)
		return identity{}, status
	}
	return identity{user: acc.name, token: ua.UserTokenTypeUserName, roles: acc.roles}, ua.StatusOK
}

// userCertificate checks who signed the server's certificate and nonce (7.40.5). The
// certificate is that of a configured user, or the group of the token trusts it.
func (s *Server) userCertificate(token *ua.X509IdentityToken, settings config.UserTokenSettings, offer part12.Offer, sig *ua.SignatureData, nonce []byte) (identity, ua.StatusCode) {
	leaf, err := leafOf(token.CertificateData)
	if err != nil {
		return identity{}, ua.StatusBadIdentityTokenInvalid
	}
	policy := tokenPolicyURI(settings, offer)
	if policy == config.PolicyNone || len(offer.Chain) == 0 {
		return identity{}, ua.StatusBadIdentityTokenRejected
	}
	good := false
	for _, certificate := range [][]byte{offer.Chain[0], bytes.Join(offer.Chain, nil)} {
		good = good || secureconv.VerifySignature(policy, leaf.Raw, sig, certificate, nonce) == nil
	}
	if !good {
		return identity{}, ua.StatusBadUserSignatureInvalid
	}
	if acc := s.accounts.certificate(leaf.Raw); acc != nil {
		return identity{user: acc.name, token: ua.UserTokenTypeCertificate, certificate: leaf.Raw, roles: acc.roles}, ua.StatusOK
	}
	group := settings.CertificateGroupName
	if group == "" {
		group = config.DefaultUserTokenGroup
	}
	if s.device().Validate(group, token.CertificateData) != ua.StatusOK {
		return identity{}, ua.StatusBadIdentityTokenRejected
	}
	return identity{
		user: leaf.Subject.String(), token: ua.UserTokenTypeCertificate, certificate: leaf.Raw, roles: []uint32{space.RoleAnonymous, space.RoleAuthenticatedUser}, group: group, chain: token.CertificateData,
	}, ua.StatusOK
}

// roles are those that a user or a client has by Options, by the rules of the
// SecurityAdmin Role, or in application setup (OPC 10000-18, 4.4; OPC 10000-12, G.2).
func (s *Server) roles(who identity, a *space.Access) []uint32 {
	roles := slices.Clip(who.roles)
	known := slices.ContainsFunc(s.options.AdminClients, func(der []byte) bool { return bytes.Equal(der, a.ClientCertificate) })
	i := part12.Identity{
		UserCertificate:   who.certificate,
		AnonymousInSecret: who.token == ua.UserTokenTypeAnonymous && a.Mode == ua.MessageSecurityModeSignAndEncrypt,
	}
	if who.token == ua.UserTokenTypeUserName {
		i.User = who.user
	}
	if leaf, err := leafOf(a.ClientCertificate); err == nil && len(leaf.URIs) > 0 && a.Mode != ua.MessageSecurityModeNone {
		i.ApplicationURI = leaf.URIs[0].String()
	}
	if known || s.device().SecurityAdmin(i) {
		roles = append(roles, space.RoleSecurityAdmin, space.RoleConfigureAdmin)
	}
	return roles
}

// reviewRoles gives every Session the Roles that it has now (OPC 10000-18, 4.4.1).
func (s *Server) reviewRoles() {
	for _, sess := range s.sessions.all() {
		s.sessions.mu.Lock()
		access, who := sess.access, sess.who
		s.sessions.mu.Unlock()
		if access == nil {
			continue
		}
		next := *access
		next.Roles = s.roles(who, access)
		s.sessions.mu.Lock()
		if sess.access == access {
			sess.access = &next
		}
		s.sessions.mu.Unlock()
	}
}
