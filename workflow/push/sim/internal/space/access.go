package space

import (
	"slices"

	"github.com/gopcua/opcua/ua"
)

// NodeIds of the well-known Roles (OPC 10000-18, 4.2.2).
const (
	RoleAnonymous         uint32 = 15644
	RoleAuthenticatedUser uint32 = 15656
	RoleOperator          uint32 = 15680
	RoleConfigureAdmin    uint32 = 15716
	RoleSecurityAdmin     uint32 = 15704
)

// Access says through which Session a node is touched.
type Access struct {
	SessionID         string
	Mode              ua.MessageSecurityMode
	Roles             []uint32 // NodeIds of the Roles granted, namespace 0
	User              string
	ClientCertificate []byte // DER of the leaf
	ServerCertificate []byte // DER of the leaf that the client addressed
	EndpointURL       string
}

// Has says whether the Session holds a Role.
func (a *Access) Has(role uint32) bool { return slices.Contains(a.Roles, role) }

// Bits of PermissionType (OPC 10000-3, 8.55).
const (
	permitBrowse    uint32 = 1 << 0
	permitReadRoles uint32 = 1 << 1
	permitRead      uint32 = 1 << 5
	permitWrite     uint32 = 1 << 6
	permitCall      uint32 = 1 << 12
)

// Bits of AccessRestrictionType (OPC 10000-3, 8.56).
const (
	restrictSigning    uint16 = 1 << 0
	restrictEncryption uint16 = 1 << 1
)

type permission struct{ role, bits uint32 }

// permits says whether a Role of the Session grants all bits. A node without
// RolePermissions is open to every Session.
func (n *node) permits(a *Access, bits uint32) bool {
	if len(n.roles) == 0 {
		return true
	}
	var granted uint32
	for _, p := range n.roles {
		if a.Has(p.role) {
			granted |= p.bits
		}
	}
	return granted&bits == bits
}

// check judges the channel first and the Roles second, so that a client learns
// to encrypt before it learns to log in (OPC 10000-12, 7.10.5, order of results).
func (n *node) check(a *Access, bits uint32) ua.StatusCode {
	signed := a.Mode == ua.MessageSecurityModeSign || a.Mode == ua.MessageSecurityModeSignAndEncrypt
	switch {
	case n.restrictions&restrictEncryption != 0 && a.Mode != ua.MessageSecurityModeSignAndEncrypt:
		return ua.StatusBadSecurityModeInsufficient
	case n.restrictions&restrictSigning != 0 && !signed:
		return ua.StatusBadSecurityModeInsufficient
	case !n.permits(a, bits):
		return ua.StatusBadUserAccessDenied
	}
	return ua.StatusOK
}
