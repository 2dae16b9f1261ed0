package part12

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

// Rule is an IdentityMappingRuleType (OPC 10000-18, 4.4.3).
type Rule struct {
	Type     ua.IdentityCriteriaType `json:"type"`
	Criteria string                  `json:"criteria"`
}

// Identity is whom a Session belongs to.
type Identity struct {
	User              string // who proved to be a user by password; "" for others
	UserCertificate   []byte // DER; of a user who proved to be one by it
	ApplicationURI    string // of the client's certificate, on a secured channel
	AnonymousInSecret bool   // without a user, on an encrypted channel
}

// SecurityAdmin says whether an identity holds the Role by a rule. While nobody
// does, in application setup, Anonymous holds it (OPC 10000-12, G.2).
func (d *Device) SecurityAdmin(i Identity) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	sum := sha1.Sum(i.UserCertificate)
	thumbprint := strings.ToUpper(hex.EncodeToString(sum[:]))
	for _, r := range d.rules {
		switch {
		case r.Type == ua.IdentityCriteriaTypeUserName && i.User != "" && r.Criteria == i.User,
			r.Type == ua.IdentityCriteriaTypeThumbprint && len(i.UserCertificate) > 0 && r.Criteria == thumbprint,
			r.Type == ua.IdentityCriteriaTypeApplication && i.ApplicationURI != "" && r.Criteria == i.ApplicationURI:
			return true
		}
	}
	return i.AnonymousInSecret && d.setup && d.unadministered()
}

// unadministered says whether nobody holds the SecurityAdmin Role for good.
func (d *Device) unadministered() bool { return d.opt.Unadministered && len(d.rules) == 0 }

// bindRole ties the SecurityAdmin Role to its rules (OPC 10000-18, 4.3).
func (d *Device) bindRole(s *space.Space) {
	t := s.Tree(ua.NewNumericNodeID(0, id.WellKnownRole_SecurityAdmin))
	t.Value("Identities", live(d.server, func() []*ua.ExtensionObject {
		out := []*ua.ExtensionObject{}
		for _, r := range d.rules {
			out = append(out, ua.NewExtensionObject(&ua.IdentityMappingRuleType{CriteriaType: r.Type, Criteria: r.Criteria}))
		}
		return out
	}))
	for method, change := range map[string]func(Rule) error{"AddIdentity": d.addIdentity, "RemoveIdentity": d.removeIdentity} {
		t.Bind(method, func(_ context.Context, _ *space.Access, in []any) space.Result {
			object, _ := in[0].(*ua.ExtensionObject)
			if object == nil {
				return answer(in, badArgument(1))
			}
			rule, ok := object.Value.(*ua.IdentityMappingRuleType)
			if !ok {
				return answer(in, badArgument(1))
			}
			return answer(in, change(Rule{rule.CriteriaType, rule.Criteria}))
		})
	}
}

// addIdentity is AddIdentity. Everybody must not become an administrator, and there
// are no groups here (OPC 10000-18, 4.3.2).
func (d *Device) addIdentity(r Rule) error {
	switch r.Type {
	case ua.IdentityCriteriaTypeAnonymous, ua.IdentityCriteriaTypeAuthenticatedUser:
		return ua.StatusBadRequestNotAllowed
	case ua.IdentityCriteriaTypeUserName, ua.IdentityCriteriaTypeThumbprint, ua.IdentityCriteriaTypeApplication:
	default:
		return ua.StatusBadNotSupported
	}
	sum, err := hex.DecodeString(r.Criteria)
	thumbprint := err == nil && len(sum) == sha1.Size && r.Criteria == strings.ToUpper(r.Criteria)
	if r.Criteria == "" || len(r.Criteria) > maxName || r.Type == ua.IdentityCriteriaTypeThumbprint && !thumbprint {
		return badArgument(1)
	}
	return d.setRules(func() ([]Rule, error) {
		switch {
		case slices.Contains(d.rules, r):
			return nil, ua.StatusBadAlreadyExists
		case len(d.rules) >= maxRules:
			return nil, ua.StatusBadResourceUnavailable
		}
		return append(slices.Clip(d.rules), r), nil
	})
}

// maxRules bounds the rules of a Role.
const maxRules = 100

// removeIdentity is RemoveIdentity (OPC 10000-18, 4.3.3).
func (d *Device) removeIdentity(r Rule) error {
	return d.setRules(func() ([]Rule, error) {
		i := slices.Index(d.rules, r)
		if i < 0 {
			return nil, ua.StatusBadNotFound
		}
		return slices.Delete(slices.Clone(d.rules), i, i+1), nil
	})
}

// setRules puts rules into force; the first may end application setup.
func (d *Device) setRules(edit func() ([]Rule, error)) error {
	d.mu.Lock()
	defer d.unlock()
	before := d.rules
	next, err := edit()
	if err != nil {
		return err
	}
	d.rules = next
	left := d.configured(d.server.state)
	if err := d.save(); err != nil {
		d.rules, d.setup = before, d.setup || left
		return err
	}
	d.server.changed(Change{Roles: true, Setup: left})
	return nil
}
