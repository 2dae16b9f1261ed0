package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/workflow/push/sim/internal/part12"
)

// profile is a kind of server: what it does otherwise than one with everything.
type profile struct {
	name, about  string
	device       part12.Behaviour
	capabilities config.Capabilities // the zero value is DefaultCapabilities
	dropSessions bool                // ApplyChanges ends every Session
	downtime     time.Duration       // after an update of the configuration; Options.Downtime comes first
}

// profiles is the table of them, the default first.
func profiles() []profile {
	noTransactions := []string{"CancelChanges", "TransactionDiagnostics", "CreateSelfSignedCertificate", "DeleteCertificate"}
	return []profile{{
		name: "full", about: "everything that OPC 10000-12 1.05.07 has",
	}, {
		name: "renames-records", about: "other names of endpoints, settings and tokens with every version",
		device: part12.Behaviour{RenameRecords: true},
	}, {
		name: "no-configfile", about: "NodeSet 1.05.02: certificates and trust lists, no ConfigurationFile",
		device: part12.Behaviour{
			Omit: []string{
				"ConfigurationFile", "ApplicationNames", "SupportsTransactions", "InApplicationSetup", "CreateSelfSignedCertificate", "DeleteCertificate",
			},
			OmitFromGroups: []string{"Purpose"}, NoManagedApplications: true,
		},
	}, {
		name: "ns105-05", about: "the ConfigurationFile of NodeSet 1.05.05: body i=16542 of SupportedDataType i=15549",
		device: part12.Behaviour{Layout: uafile.Layout105_05},
	}, {
		name: "ignores-targets", about: "takes the uploaded file as a whole and answers all targets alike; the last Open wins; trust lists of any size",
		device: part12.Behaviour{
			UnlimitedLists: true,
			OtherModes:     ua.StatusBadInvalidArgument, LastOpenWins: true, EmptyWriteStream: true,
			IgnoreTargets: true, ConfirmOnlyLoss: true, LateRevert: true,
		},
	}, {
		name: "no-transactions", about: "applies every change at once, ApplyChangesRequired FALSE",
		device: part12.Behaviour{Transactions: part12.AtOnce, Omit: append(noTransactions, "SupportsTransactions")},
	}, {
		name: "delays-changes", about: "no transactions either: ApplyChangesRequired TRUE delays one change, the latest",
		device: part12.Behaviour{Transactions: part12.Delayed, Omit: noTransactions},
	}, {
		name: "single-group", about: "only the DefaultApplicationGroup, RsaSha256 and PEM keys; ApplyChanges drops all sessions",
		device: part12.Behaviour{
			NoUserTokenGroup: true, NoManagedApplications: true, EmptyRejectedList: true, PrivateKeyFormats: []string{"PEM"},
			Omit: []string{"CreateSelfSignedCertificate", "DeleteCertificate"},
		},
		capabilities: singleGroup(), dropSessions: true,
	}, {
		name: "strict-1.05.07", about: "what cannot be suppressed is refused with its own status code; targets in their order",
		device: part12.Behaviour{OrderedTargets: true},
	}, {
		name: "strict-own-trust", about: "as strict-1.05.07, in the other reading: its trust list must trust the server's own certificates, too",
		device: part12.Behaviour{Validation: part12.OwnTrust, OrderedTargets: true},
	}, {
		name: "strict-1.05.06", about: "every certificate and issuer is validated in full, CRLs and all; one status code",
		device: part12.Behaviour{Validation: part12.Strict106, OrderedTargets: true},
	}, {
		name: "ecc", about: "slots for nistP256 and nistP384 beside RsaSha256; its channels are RSA",
		device: part12.Behaviour{MoreTypes: []config.NodeID{config.TypeEccNistP256, config.TypeEccNistP384}},
	}, {
		name: "other-curves", about: "slots for curves that uapush has not: a brainpool certificate that ends soon, curve25519 without one; takes no keys",
		device: part12.Behaviour{
			MoreTypes: []config.NodeID{config.TypeEccBrainpoolP256r1, config.TypeEccCurve25519}, PrivateKeyFormats: []string{},
		},
	}, {
		name: "slow-restart", about: "cannot be reached for a while after every update of the configuration",
		downtime: 3 * time.Second,
	}}
}

// singleGroup are the capabilities of a server whose one group cannot be joined by
// another.
func singleGroup() config.Capabilities {
	c := part12.DefaultCapabilities()
	c.MaxCertificateGroups = 1
	c.CertificateTypes = []config.NodeID{config.TypeRsaSha256}
	c.CertificateGroupPurposes = []config.NodeID{config.PurposeApplicationCertificate}
	c.UserTokenTypes = []config.UserTokenType{{TokenType: config.TokenAnonymous}, {TokenType: config.TokenUserName}}
	return c
}

// Profiles names the kinds of server, the default first.
func Profiles() []string {
	var names []string
	for _, p := range profiles() {
		names = append(names, p.name)
	}
	return names
}

// AboutProfile says in a few words what a profile does otherwise; "" for a name
// that is none.
func AboutProfile(name string) string {
	p, _ := profileOf(name)
	return p.about
}

func profileOf(name string) (profile, error) {
	all := profiles()
	i := slices.IndexFunc(all, func(p profile) bool { return p.name == cmp.Or(name, all[0].name) })
	if i < 0 {
		return profile{}, fmt.Errorf("profile %q is none of %s", name, strings.Join(Profiles(), ", "))
	}
	return all[i], nil
}
