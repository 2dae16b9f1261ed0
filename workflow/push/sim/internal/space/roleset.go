package space

import (
	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

// addRoleSet adds the SecurityAdmin Role, which somebody has to be given during
// application setup (OPC 10000-12, G.2; OPC 10000-18, 4.3 and 4.4). It is the only
// Role that can be configured here.
func (s *Space) addRoleSet() {
	const browse, all = permitBrowse, permitBrowse | permitReadRoles | permitRead | permitWrite | permitCall
	admin := []permission{{RoleSecurityAdmin, all}}
	for _, p := range []struct {
		plain
		restrictions uint16
		roles        []permission
		in           []argument
		inID         uint32
		declaration  uint32
	}{
		{plain: plain{id.Server_ServerCapabilities_RoleSet, ua.NodeClassObject, "RoleSet", id.Server_ServerCapabilities, id.HasComponent, id.RoleSetType, 0, 0},
			roles: []permission{{RoleAnonymous, browse}, {RoleSecurityAdmin, all}}},
		{plain: plain{id.WellKnownRole_SecurityAdmin, ua.NodeClassObject, "SecurityAdmin", id.Server_ServerCapabilities_RoleSet, id.HasComponent, id.RoleType, 0, 0},
			roles: []permission{{RoleAnonymous, browse}, {RoleSecurityAdmin, all}}},
		{plain: plain{id.WellKnownRole_SecurityAdmin_IDentities, ua.NodeClassVariable, "Identities", id.WellKnownRole_SecurityAdmin, id.HasProperty, id.PropertyType, id.IdentityMappingRuleType, 1},
			restrictions: restrictSigning | restrictEncryption, roles: admin},
		{plain: plain{id.WellKnownRole_SecurityAdmin_AddIdentity, ua.NodeClassMethod, "AddIdentity", id.WellKnownRole_SecurityAdmin, id.HasComponent, 0, 0, 0},
			restrictions: restrictSigning | restrictEncryption, roles: admin, in: rule(), inID: id.WellKnownRole_SecurityAdmin_AddIdentity_InputArguments, declaration: id.RoleType_AddIdentity},
		{plain: plain{id.WellKnownRole_SecurityAdmin_RemoveIdentity, ua.NodeClassMethod, "RemoveIdentity", id.WellKnownRole_SecurityAdmin, id.HasComponent, 0, 0, 0},
			restrictions: restrictSigning | restrictEncryption, roles: admin, in: rule(), inID: id.WellKnownRole_SecurityAdmin_RemoveIdentity_InputArguments, declaration: id.RoleType_RemoveIdentity},
	} {
		n := &node{
			id: numeric(p.id), class: p.class, name: &ua.QualifiedName{Name: p.name}, data: p.data, rank: p.rank,
			restrictions: p.restrictions, roles: p.roles, in: p.in, declaration: p.declaration,
		}
		s.add(n)
		s.link(ns0(p.parent), p.ref, ns0(p.id))
		if p.typ != 0 {
			s.link(ns0(p.id), id.HasTypeDefinition, ns0(p.typ))
		}
		s.addArguments(n, numeric(p.inID), "InputArguments", p.in)
	}
}

func rule() []argument {
	return []argument{{Name: "Rule", Data: id.IdentityMappingRuleType, Rank: -1}}
}
