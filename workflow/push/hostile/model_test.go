package hostile

import (
	"math"
	"strings"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/uafile"
	"github.com/uapush/uapush/workflow/push/secureconv"
)

const (
	serverURI   = "urn:test:hostile"
	password    = "Tr0ub4dor-and-three-words" // what nobody but the pinned server may read
	user        = "admin"
	theGroup    = "DefaultApplicationGroup"
	fileVersion = 820540800
)

// model is what an honest server has: everything it shows to config get and plan.
type model struct {
	s         *server
	endpoints []*ua.EndpointDescription
	app       config.Application
	file      []byte // nil is app, encoded
	list      []byte // TrustList of theGroup
	values    map[string]any
	groups    []string // browse names
	nonce     []byte   // of the Session
	position  map[string]int
}

func newModel(s *server) *model {
	url := s.url()
	m := &model{s: s, groups: []string{theGroup}, nonce: random(32), position: map[string]int{}}
	m.endpoints = []*ua.EndpointDescription{{
		EndpointURL: url, ServerCertificate: s.id.Leaf(),
		SecurityMode: ua.MessageSecurityModeSignAndEncrypt, SecurityPolicyURI: config.PolicyBasic256Sha256,
		TransportProfileURI: config.TransportUATCP, SecurityLevel: 1,
		Server: &ua.ApplicationDescription{
			ApplicationURI: serverURI, ApplicationName: ua.NewLocalizedText("hostile"), DiscoveryURLs: []string{url},
		},
		UserIdentityTokens: []*ua.UserTokenPolicy{
			{PolicyID: "user", TokenType: ua.UserTokenTypeUserName, SecurityPolicyURI: config.PolicyBasic256Sha256},
		},
	}}
	m.app = config.Application{
		Version:  fileVersion,
		Identity: config.Identity{Record: config.Record{Name: "identity"}, ApplicationURI: serverURI},
		CertificateGroups: []config.CertificateGroup{{
			Record: config.Record{Name: theGroup}, Purpose: config.PurposeApplicationCertificate,
			CertificateTypes: []config.NodeID{config.TypeRsaSha256}, CertificateAssigned: []bool{true}, ValidationOptions: config.DefaultValidation,
		}},
		UserTokenSettings: []config.UserTokenSettings{{Record: config.Record{Name: "users"}, TokenType: config.TokenUserName}},
		SecuritySettings: []config.SecuritySettings{{
			Record: config.Record{Name: "encrypted"}, SecurityModes: []config.SecurityMode{config.ModeSignAndEncrypt},
			SecurityPolicyURIs: []string{config.PolicyBasic256Sha256}, CertificateGroupName: theGroup,
		}},
		ServerEndpoints: []config.ServerEndpoint{{
			Endpoint:     config.Endpoint{Record: config.Record{Name: "first"}, DiscoveryURLs: []string{url}, Port: 4840},
			EndpointURLs: []string{url}, TransportProfileURI: config.TransportUATCP,
			SecuritySettingNames: []string{"encrypted"}, UserTokenSettingNames: []string{"users"},
		}},
	}
	m.list = trustList(s.id.Leaf())
	m.values = map[string]any{
		"i=2255":                               []string{"http://opcfoundation.org/UA/", serverURI},
		"i=2259":                               int32(0),
		"ApplicationUri":                       serverURI,
		"SupportsTransactions":                 false,
		"MaxTrustListSize":                     uint32(65535),
		"ConfigurationFile/CurrentVersion":     uint32(fileVersion),
		"ConfigurationFile/ActivityTimeout":    float64(60000),
		"ConfigurationFile/SupportedDataType":  ua.NewNumericNodeID(0, 23743),
		"ConfigurationFile/AvailablePorts":     "1024-65535",
		"ConfigurationFile/MaxEndpoints":       uint16(10),
		"ConfigurationFile/SecurityPolicyUris": []string{config.PolicyBasic256Sha256},
		"ConfigurationFile/CertificateTypes":   []*ua.NodeID{ua.NewNumericNodeID(0, 12560)},
	}
	return m
}

// trustList is a TrustListDataType with all lists and one certificate.
func trustList(certificate []byte) []byte {
	b := le.AppendUint32(nil, 15)
	b = le.AppendUint32(b, 1)
	b = append(le.AppendUint32(b, uint32(len(certificate))), certificate...)
	return append(b, make([]byte, 12)...)
}

func (m *model) stream() []byte {
	if m.file == nil {
		b, err := uafile.New(uafile.Layout105_06).Encode(m.app)
		if err != nil {
			panic(err)
		}
		m.file = b
	}
	return m.file
}

// serviceOf is the name of a request's service.
func serviceOf(req ua.Request) string {
	switch req.(type) {
	case *ua.FindServersRequest:
		return "FindServers"
	case *ua.GetEndpointsRequest:
		return "GetEndpoints"
	case *ua.CreateSessionRequest:
		return "CreateSession"
	case *ua.ActivateSessionRequest:
		return "ActivateSession"
	case *ua.CloseSessionRequest:
		return "CloseSession"
	case *ua.TranslateBrowsePathsToNodeIDsRequest:
		return "Translate"
	case *ua.BrowseRequest:
		return "Browse"
	case *ua.BrowseNextRequest:
		return "BrowseNext"
	case *ua.ReadRequest:
		return "Read"
	case *ua.CallRequest:
		return "Call"
	}
	return "other"
}

func (m *model) answer(x *exchange) ua.Response {
	h := secureconv.ResponseHeader(x.req, ua.StatusOK)
	switch req := x.req.(type) {
	case *ua.FindServersRequest:
		return &ua.FindServersResponse{ResponseHeader: h, Servers: []*ua.ApplicationDescription{m.endpoints[0].Server}}
	case *ua.GetEndpointsRequest:
		return &ua.GetEndpointsResponse{ResponseHeader: h, Endpoints: m.endpoints}
	case *ua.CreateSessionRequest:
		return m.create(h, x, req)
	case *ua.ActivateSessionRequest:
		return &ua.ActivateSessionResponse{ResponseHeader: h, ServerNonce: random(32)}
	case *ua.CloseSessionRequest:
		return &ua.CloseSessionResponse{ResponseHeader: h}
	case *ua.TranslateBrowsePathsToNodeIDsRequest:
		resp := &ua.TranslateBrowsePathsToNodeIDsResponse{ResponseHeader: h}
		for _, p := range req.BrowsePaths {
			resp.Results = append(resp.Results, m.translate(p))
		}
		return resp
	case *ua.BrowseRequest:
		return &ua.BrowseResponse{ResponseHeader: h, Results: []*ua.BrowseResult{m.browse()}}
	case *ua.BrowseNextRequest:
		return &ua.BrowseNextResponse{ResponseHeader: h, Results: []*ua.BrowseResult{m.browse()}}
	case *ua.ReadRequest:
		resp := &ua.ReadResponse{ResponseHeader: h}
		for _, n := range req.NodesToRead {
			resp.Results = append(resp.Results, m.read(n.NodeID))
		}
		return resp
	case *ua.CallRequest:
		resp := &ua.CallResponse{ResponseHeader: h}
		for _, c := range req.MethodsToCall {
			resp.Results = append(resp.Results, m.call(c))
		}
		return resp
	}
	return &ua.ServiceFault{ResponseHeader: secureconv.ResponseHeader(x.req, ua.StatusBadServiceUnsupported)}
}

func (m *model) create(h *ua.ResponseHeader, x *exchange, req *ua.CreateSessionRequest) ua.Response {
	signature, err := secureconv.Sign(x.c.policy, m.s.id.Key, nil, x.c.client, req.ClientNonce)
	if err != nil {
		panic(err)
	}
	return &ua.CreateSessionResponse{
		ResponseHeader: h, SessionID: ua.NewNumericNodeID(1, 1), AuthenticationToken: ua.NewByteStringNodeID(1, random(16)),
		RevisedSessionTimeout: 60_000, ServerNonce: m.nonce, ServerCertificate: m.s.id.Leaf(),
		ServerEndpoints: m.endpoints, ServerSignature: signature,
	}
}

// nodeAt is the node at a path below the application.
func nodeAt(path string) *ua.NodeID { return ua.NewStringNodeID(1, path) }

func pathOf(n *ua.NodeID) string {
	if n.Namespace() == 1 {
		return n.StringID()
	}
	return n.String()
}

func (m *model) translate(p *ua.BrowsePath) *ua.BrowsePathResult {
	var names []string
	if n := p.StartingNode; n.Namespace() == 1 {
		names = append(names, n.StringID())
	}
	for _, e := range p.RelativePath.Elements {
		names = append(names, e.TargetName.Name)
	}
	path := strings.Join(names, "/")
	if absent[path] {
		return &ua.BrowsePathResult{StatusCode: ua.StatusBadNoMatch}
	}
	return &ua.BrowsePathResult{Targets: []*ua.BrowsePathTarget{{
		TargetID: &ua.ExpandedNodeID{NodeID: nodeAt(path)}, RemainingPathIndex: math.MaxUint32,
	}}}
}

// absent are optional members that this model has not.
var absent = map[string]bool{"GetCertificates": true}

func (m *model) browse() *ua.BrowseResult {
	r := &ua.BrowseResult{}
	for _, g := range m.groups {
		r.References = append(r.References, reference(g))
	}
	return r
}

func reference(group string) *ua.ReferenceDescription {
	return &ua.ReferenceDescription{
		ReferenceTypeID: ua.NewNumericNodeID(0, 47), IsForward: true, NodeClass: ua.NodeClassObject,
		NodeID:     &ua.ExpandedNodeID{NodeID: nodeAt("CertificateGroups/" + theGroup)},
		BrowseName: &ua.QualifiedName{Name: group}, DisplayName: &ua.LocalizedText{},
		TypeDefinition: &ua.ExpandedNodeID{NodeID: ua.NewTwoByteNodeID(0)},
	}
}

func (m *model) read(n *ua.NodeID) *ua.DataValue {
	v, ok := m.values[pathOf(n)]
	if !ok {
		return &ua.DataValue{EncodingMask: ua.DataValueStatusCode, Status: ua.StatusBadNodeIDUnknown}
	}
	return &ua.DataValue{EncodingMask: ua.DataValueValue, Value: ua.MustVariant(v)}
}

func (m *model) call(c *ua.CallMethodRequest) *ua.CallMethodResult {
	path := pathOf(c.MethodID)
	file, method := "", path
	if i := strings.LastIndex(path, "/"); i >= 0 {
		file, method = path[:i], path[i+1:]
	}
	switch method {
	case "Open":
		m.position[file] = 0
		return good(uint32(7))
	case "Close":
		return good()
	case "Read":
		content := m.list
		if strings.HasSuffix(file, "ConfigurationFile") {
			content = m.stream()
		}
		content = content[min(m.position[file], len(content)):]
		n := min(len(content), int(c.InputArguments[1].Value().(int32)))
		m.position[file] += n
		return good(content[:n:n])
	}
	return &ua.CallMethodResult{StatusCode: ua.StatusBadMethodInvalid}
}

func good(out ...any) *ua.CallMethodResult {
	r := &ua.CallMethodResult{}
	for _, v := range out {
		r.OutputArguments = append(r.OutputArguments, ua.MustVariant(v))
	}
	return r
}
