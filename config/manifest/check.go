package manifest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/uapush/uapush/config"
)

// check reports what is wrong between values that are each well formed. Values
// that were refused already are empty here and are passed over.
func (m *Manifest) check() {
	settings := names(m, "securitySettings", m.SecuritySettings, func(s SecuritySettings) string { return s.Name })
	users := names(m, "userTokenSettings", m.UserTokenSettings, func(s UserTokenSettings) string { return s.Name })
	groups := names(m, "certificateGroups", m.CertificateGroups, func(g CertificateGroup) string { return g.Name })
	services := names(m, "authorizationServices", m.AuthorizationServices, func(s AuthorizationService) string { return s.Name })

	for i, name := range m.Endpoint.SecuritySettings {
		m.reference(fmt.Sprintf("endpoint.securitySettings[%d]", i), name, "securitySettings", settings)
	}
	for i, name := range m.Endpoint.UserTokens {
		m.reference(fmt.Sprintf("endpoint.userTokens[%d]", i), name, "userTokenSettings", users)
	}
	for i, s := range m.SecuritySettings {
		path := fmt.Sprintf("securitySettings[%d]", i)
		m.reference(path+".certificateGroup", s.CertificateGroup, "certificateGroups", groups)
		m.checkSettings(path, s)
	}
	for i, u := range m.UserTokenSettings {
		path := fmt.Sprintf("userTokenSettings[%d]", i)
		m.reference(path+".certificateGroup", u.CertificateGroup, "certificateGroups", groups)
		m.reference(path+".authorizationService", u.AuthorizationService, "authorizationServices", services)
		m.checkToken(path, u)
	}
	for i, g := range m.CertificateGroups {
		m.checkCertificates(fmt.Sprintf("certificateGroups[%d]", i), g)
	}
}

// names collects the names of a list of records, and reports those given twice.
func names[R any](m *Manifest, list string, records []R, name func(R) string) []string {
	var known []string
	for i, r := range records {
		n := name(r)
		if n != "" && slices.Contains(known, n) {
			path := fmt.Sprintf("%s[%d].name", list, i)
			m.problem(path, "the name "+quote(n)+" is given twice", "rename one of the two")
			continue
		}
		if n != "" {
			known = append(known, n)
		}
	}
	return known
}

// reference reports a name that is nearly one of the file's. Any other name may
// be one of the server's records; the plan finds out.
func (m *Manifest) reference(path, name, list string, known []string) {
	if name == "" || slices.Contains(known, name) {
		return
	}
	if near, ok := nearMiss(name, known); ok {
		m.problem(path, fmt.Sprintf("expected the name of one of the %s, found %s", list, quote(name)), "did you mean "+near+"?")
	}
}

// checkSettings: OPC 10000-12, 7.10.24. With the mode None, other policies are
// meaningful: they restrict those of user tokens.
func (m *Manifest) checkSettings(path string, s SecuritySettings) {
	if len(s.Modes) == 0 || len(s.Policies) == 0 || slices.Contains(s.Modes, "") || slices.Contains(s.Policies, "") {
		return
	}
	none := config.ModeNone.String()
	secureModes := slices.ContainsFunc(s.Modes, func(mode string) bool { return mode != none })
	securePolicies := slices.ContainsFunc(s.Policies, func(p string) bool { return p != config.PolicyNone })
	offered := strings.Join(s.Modes, ", ")
	if i := slices.Index(s.Policies, config.PolicyNone); secureModes && !securePolicies {
		m.problem(path+".policies", "expected a policy other than None for the modes "+offered, "add one, such as Basic256Sha256")
	} else if i >= 0 && !slices.Contains(s.Modes, none) {
		m.problem(fmt.Sprintf("%s.policies[%d]", path, i), "the policy None is no use with the modes "+offered, "remove it, or add None to modes")
	}
	if securePolicies && !m.stated(path+".certificateGroup") {
		m.problem(path, "expected a certificateGroup for policies other than None, found none", "add certificateGroup: with the name of a group")
	}
}

// checkToken: OPC 10000-12, 7.10.25 says which field goes with which type.
func (m *Manifest) checkToken(path string, u UserTokenSettings) {
	certificate, issued := config.TokenCertificate.String(), config.TokenIssued.String()
	fits := []struct {
		field   string
		types   []string
		needful bool
	}{
		{"certificateGroup", []string{certificate, issued}, u.Type == certificate},
		{"authorizationService", []string{issued}, u.Type == issued},
		{"issuedTokenType", []string{issued}, false},
		{"issuerEndpointUrl", []string{issued}, false},
	}
	for _, f := range fits {
		at := path + "." + f.field
		switch stated := m.stated(at); {
		case u.Type == "":
		case f.needful && !stated:
			m.problem(path, fmt.Sprintf("expected %s for the type %s, found none", f.field, u.Type), "add "+f.field+": with its name")
		case stated && !slices.Contains(f.types, u.Type):
			m.problem(at, fmt.Sprintf("%s is no use with the type %s", f.field, u.Type), "it goes with the type "+strings.Join(f.types, " or ")+"; remove it")
		}
	}
}

// checkCertificates: a certificate needs a slot to go into.
func (m *Manifest) checkCertificates(path string, g CertificateGroup) {
	if len(g.Types) == 0 || slices.Contains(g.Types, "") {
		return
	}
	for _, c := range g.Certificates {
		if slices.Contains(g.Types, c.Type) {
			continue
		}
		var short []string
		for _, t := range g.Types {
			short = append(short, config.CertificateTypeName(config.NodeID(t)))
		}
		m.problem(slotPath(path+".certificates", c.Type), "expected one of the group's types ("+strings.Join(short, ", ")+"), found "+
			config.CertificateTypeName(config.NodeID(c.Type)), "add it to "+path+".types, or remove the certificate")
	}
}

// slotPath is the path of a certificate, by the short name of its type.
func slotPath(certificates, typeID string) string {
	return join(certificates, config.CertificateTypeName(config.NodeID(typeID)))
}

// stated tells whether the file has a value at the path, good or bad.
func (m *Manifest) stated(path string) bool {
	_, ok := m.places[path]
	return ok
}

// problem reports at the place of a path.
func (m *Manifest) problem(path, message, advice string) {
	m.source.add(m.places[path], path, message, advice)
}
