package space

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"
)

func admin() *Access {
	return &Access{Mode: ua.MessageSecurityModeSignAndEncrypt, Roles: []uint32{RoleAnonymous, RoleAuthenticatedUser, RoleSecurityAdmin}}
}

func anonymous() *Access {
	return &Access{Mode: ua.MessageSecurityModeSignAndEncrypt, Roles: []uint32{RoleAnonymous}}
}

func signed(a *Access) *Access { a.Mode = ua.MessageSecurityModeSign; return a }

func browseNames(t *testing.T, s *Space, a *Access, node uint32) []string {
	t.Helper()
	refs, status := s.Browse(a, &ua.BrowseDescription{
		NodeID: numeric(node), ReferenceTypeID: numeric(id.HierarchicalReferences), IncludeSubtypes: true, ResultMask: uint32(ua.BrowseResultMaskAll),
	})
	if status != ua.StatusOK {
		t.Fatalf("Browse i=%d: %v", node, status)
	}
	var names []string
	for _, r := range refs {
		names = append(names, r.BrowseName.Name)
	}
	return names
}

// OPC 10000-12, 7.10.2: the immediate children of ServerConfiguration are visible
// to everybody, what is in CertificateGroups to SecurityAdmin only.
func TestBrowseHidesWhatARoleMayNotSee(t *testing.T) {
	s := New()
	if got := browseNames(t, s, anonymous(), id.ServerConfiguration); !slices.Contains(got, "CertificateGroups") || slices.Contains(got, "ConfigurationFile") {
		t.Errorf("anonymous sees %v", got)
	}
	if got := browseNames(t, s, anonymous(), 14053); len(got) != 0 {
		t.Errorf("anonymous sees groups %v", got)
	}
	if got := browseNames(t, s, admin(), 14053); len(got) != 3 {
		t.Errorf("SecurityAdmin sees groups %v, want 3", got)
	}
	if got := browseNames(t, s, admin(), id.Server); !slices.Contains(got, "ServerConfiguration") || !slices.Contains(got, "Resources") {
		t.Errorf("Server has %v", got)
	}
}

// OPC 10000-4, 5.9.2.2: direction, subtypes and NodeClass filter, and what the
// result mask leaves out.
func TestBrowseFilters(t *testing.T) {
	s := New()
	tests := []struct {
		name string
		d    ua.BrowseDescription
		want int
	}{
		{"inverse", ua.BrowseDescription{NodeID: numeric(id.Server), BrowseDirection: ua.BrowseDirectionInverse, ReferenceTypeID: numeric(id.HierarchicalReferences), IncludeSubtypes: true}, 1},
		{"exact type", ua.BrowseDescription{NodeID: numeric(id.Server), ReferenceTypeID: numeric(id.HierarchicalReferences)}, 0},
		{"properties", ua.BrowseDescription{NodeID: numeric(16317), ReferenceTypeID: numeric(id.HasProperty)}, 2},
		{"methods", ua.BrowseDescription{NodeID: numeric(12642), NodeClassMask: uint32(ua.NodeClassMethod)}, 10},
		{"type definition", ua.BrowseDescription{NodeID: numeric(12642), ReferenceTypeID: numeric(id.HasTypeDefinition)}, 1},
	}
	for _, tt := range tests {
		refs, status := s.Browse(admin(), &tt.d)
		if status != ua.StatusOK || len(refs) != tt.want {
			t.Errorf("%s: got %d references, %v; want %d", tt.name, len(refs), status, tt.want)
		}
		for _, r := range refs {
			if r.NodeClass != 0 || r.BrowseName.Name != "" {
				t.Errorf("%s: result mask 0 returned %v", tt.name, r)
			}
		}
	}
	bad := []struct {
		d    ua.BrowseDescription
		want ua.StatusCode
	}{
		{ua.BrowseDescription{NodeID: numeric(4711)}, ua.StatusBadNodeIDUnknown},
		{ua.BrowseDescription{NodeID: numeric(85), ReferenceTypeID: numeric(58)}, ua.StatusBadReferenceTypeIDInvalid},
		{ua.BrowseDescription{NodeID: numeric(85), BrowseDirection: 3}, ua.StatusBadBrowseDirectionInvalid},
	}
	for _, tt := range bad {
		if _, got := s.Browse(admin(), &tt.d); got != tt.want {
			t.Errorf("got %v, want %v", got, tt.want)
		}
	}
}

// OPC 10000-4, 5.9.4.
func TestTranslate(t *testing.T) {
	s := New()
	path := func(names ...string) *ua.BrowsePath {
		p := &ua.BrowsePath{StartingNode: numeric(id.ServerConfiguration), RelativePath: &ua.RelativePath{}}
		for _, n := range names {
			p.RelativePath.Elements = append(p.RelativePath.Elements, &ua.RelativePathElement{
				ReferenceTypeID: numeric(id.HierarchicalReferences), IncludeSubtypes: true, TargetName: &ua.QualifiedName{Name: n}})
		}
		return p
	}
	got := s.Translate(admin(), path("ConfigurationFile", "CurrentVersion"))
	if got.StatusCode != ua.StatusOK || len(got.Targets) != 1 || got.Targets[0].TargetID.NodeID.IntID() != 16306 || got.Targets[0].RemainingPathIndex != noRemainingPath {
		t.Errorf("got %+v, want i=16306", got)
	}
	for _, tt := range []struct {
		a    *Access
		p    *ua.BrowsePath
		want ua.StatusCode
	}{
		{anonymous(), path("ConfigurationFile", "CurrentVersion"), ua.StatusBadNoMatch},
		{admin(), path("GetCertificates"), ua.StatusBadNoMatch},
		{admin(), path(), ua.StatusBadNothingToDo},
		{admin(), path("", "x"), ua.StatusBadBrowseNameInvalid},
	} {
		if got := s.Translate(tt.a, tt.p); got.StatusCode != tt.want {
			t.Errorf("got %v, want %v", got.StatusCode, tt.want)
		}
	}
}

func TestReadAndWrite(t *testing.T) {
	s := New()
	tree := s.Tree(numeric(id.ServerConfiguration))
	enabled := false
	tree.Value("MulticastDnsEnabled", func() (any, ua.StatusCode) { return enabled, ua.StatusOK })
	tree.OnWrite("MulticastDnsEnabled", func(v any) ua.StatusCode { enabled = v.(bool); return ua.StatusOK })
	tree.Value("TransactionDiagnostics/Result", func() (any, ua.StatusCode) { return nil, ua.StatusBadOutOfService })
	read := func(a *Access, node uint32, attribute ua.AttributeID) *ua.DataValue {
		return s.Read(a, &ua.ReadValueID{NodeID: numeric(node), AttributeID: attribute}, ua.TimestampsToReturnBoth, time.Unix(1e9, 0))
	}
	for _, tt := range []struct {
		name string
		got  *ua.DataValue
		want ua.StatusCode
	}{
		{"value", read(anonymous(), 12641, ua.AttributeIDValue), ua.StatusOK},
		{"status of a value", read(admin(), 32339, ua.AttributeIDValue), ua.StatusBadOutOfService},
		{"not encrypted", read(&Access{Mode: ua.MessageSecurityModeNone}, 32339, ua.AttributeIDValue), ua.StatusBadSecurityModeInsufficient},
		{"not allowed", read(anonymous(), 32339, ua.AttributeIDValue), ua.StatusBadUserAccessDenied},
		{"value of an object", read(admin(), 12637, ua.AttributeIDValue), ua.StatusBadAttributeIDInvalid},
		{"unknown node", read(admin(), 4711, ua.AttributeIDValue), ua.StatusBadNodeIDUnknown},
		{"arguments", read(admin(), 16318, ua.AttributeIDValue), ua.StatusOK},
		{"roles", read(admin(), 12637, ua.AttributeIDRolePermissions), ua.StatusOK},
	} {
		if tt.got.Status != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got.Status, tt.want)
		}
		if _, err := tt.got.Encode(); err != nil {
			t.Errorf("%s: encode: %v", tt.name, err)
		}
	}
	write := func(a *Access, node uint32, v any) ua.StatusCode {
		return s.Write(a, &ua.WriteValue{NodeID: numeric(node), AttributeID: ua.AttributeIDValue, Value: &ua.DataValue{Value: ua.MustVariant(v)}})
	}
	for _, tt := range []struct {
		name string
		got  ua.StatusCode
		want ua.StatusCode
	}{
		{"not writable", write(admin(), 12640, uint32(1)), ua.StatusBadNotWritable},
		{"wrong type", write(admin(), 12641, uint32(1)), ua.StatusBadTypeMismatch},
		{"not allowed", write(anonymous(), 12641, true), ua.StatusBadUserAccessDenied},
		{"good", write(admin(), 12641, true), ua.StatusOK},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	if !enabled {
		t.Error("a Good write changed nothing")
	}
}

// OPC 10000-4, 5.12.2.
func TestCall(t *testing.T) {
	s := New()
	tree := s.Tree(numeric(id.ServerConfiguration))
	var seen []any
	tree.Bind("CertificateGroups/DefaultApplicationGroup/TrustList/Open", func(_ context.Context, _ *Access, in []any) Result {
		seen = in
		return Result{Outputs: []any{uint32(7)}}
	})
	tree.Bind("CreateSigningRequest", func(_ context.Context, _ *Access, in []any) Result { seen = in; return Result{} })
	mode := []*ua.Variant{ua.MustVariant(byte(1))}
	csr := []*ua.Variant{ua.MustVariant(numeric(1)), ua.MustVariant(numeric(2)), {}, ua.MustVariant(true), {}}
	tests := []struct {
		name           string
		a              *Access
		object, method uint32
		in             []*ua.Variant
		want           ua.StatusCode
	}{
		{"by its own id", admin(), 12642, 12647, mode, ua.StatusOK},
		{"by the id of the type", admin(), 12642, 11580, mode, ua.StatusOK},
		{"signed is enough", signed(admin()), 12642, 12647, mode, ua.StatusOK},
		{"null arguments", admin(), 12637, 12731, csr, ua.StatusOK},
		{"needs encryption", signed(admin()), 12637, 12737, csr, ua.StatusBadSecurityModeInsufficient},
		{"channel before role", signed(anonymous()), 12637, 12737, csr, ua.StatusBadSecurityModeInsufficient},
		{"role before arguments", anonymous(), 12642, 12647, nil, ua.StatusBadUserAccessDenied},
		{"other object", admin(), 12637, 12647, mode, ua.StatusBadMethodInvalid},
		{"no method", admin(), 12637, 12642, mode, ua.StatusBadMethodInvalid},
		{"unknown method", admin(), 12637, 4711, mode, ua.StatusBadNodeIDUnknown},
		{"unknown object", admin(), 4711, 12647, mode, ua.StatusBadNodeIDUnknown},
		{"missing", admin(), 12642, 12647, nil, ua.StatusBadArgumentsMissing},
		{"too many", admin(), 12642, 12647, []*ua.Variant{mode[0], mode[0]}, ua.StatusBadTooManyArguments},
		{"wrong type", admin(), 12642, 12647, []*ua.Variant{ua.MustVariant(uint32(1))}, ua.StatusBadInvalidArgument},
		{"not bound", admin(), 12642, 12650, []*ua.Variant{ua.MustVariant(uint32(1))}, ua.StatusBadNotImplemented},
	}
	for _, tt := range tests {
		got := s.Call(context.Background(), tt.a, numeric(tt.object), numeric(tt.method), tt.in)
		if got.Status != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got.Status, tt.want)
		}
		if tt.want == ua.StatusBadInvalidArgument && (len(got.Arguments) != 1 || got.Arguments[0] != ua.StatusBadTypeMismatch) {
			t.Errorf("%s: argument results %v", tt.name, got.Arguments)
		}
	}
	s.Call(context.Background(), admin(), numeric(12637), numeric(12737), csr)
	if len(seen) != 5 || seen[2] != "" || seen[4].([]byte) != nil {
		t.Errorf("null arguments arrived as %#v", seen)
	}
}
