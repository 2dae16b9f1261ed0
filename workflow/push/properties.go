package push

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/workflow"
)

// readProperties reads the properties of the application and of its groups, and
// what of the server they depend on, in one request.
func (s *Session) readProperties(ctx context.Context) error {
	nodes := []*ua.NodeID{numeric(idNamespaceArray), numeric(idServerMaxByteString)}
	var put []func(*ua.DataValue)
	values := map[string]*ua.DataValue{}
	for _, p := range applicationProperties {
		if n := s.app.members[p]; n != nil {
			nodes = append(nodes, n)
			put = append(put, func(v *ua.DataValue) { values[p] = v })
		}
	}
	for _, name := range s.order {
		g := s.groups[name]
		for _, p := range groupProperties {
			if n := g.members[p]; n != nil {
				nodes = append(nodes, n)
				put = append(put, func(v *ua.DataValue) { s.groupProperty(g, p, v) })
			}
		}
	}
	read, err := s.read(ctx, nodes)
	if err != nil {
		return err
	}
	s.namespaces, _ = valueAs[[]string](read[0])
	s.maxBytes = uint32(unsigned(read[1], math.MaxUint32))
	for i, v := range read[2:] {
		put[i](v)
	}
	s.values = values
	return nil
}

func (s *Session) groupProperty(g *group, path string, v *ua.DataValue) {
	switch path {
	case pathGroupTypes:
		nodes, _ := valueAs[[]*ua.NodeID](v)
		g.types = portables(nodes, s.namespaces)
	case pathGroupPurpose:
		node, _ := valueAs[*ua.NodeID](v)
		g.purpose, _ = portable(node, s.namespaces)
	case pathListMaxByteString:
		g.maxBytes = uint32(unsigned(v, math.MaxUint32))
	case pathListLastUpdate:
		g.updated, _ = valueAs[time.Time](v)
	}
}

// application is what the properties say that every server has.
func (s *Session) application() workflow.Observation {
	o := workflow.Observation{
		ApplicationURI:   s.identity.ApplicationURI,
		MaxTrustListSize: s.maxTrustListSize(),
	}
	if uri, ok := valueAs[string](s.values[pathApplicationURI]); ok && uri != "" {
		o.ApplicationURI = uri
	}
	o.SupportsTransactions, _ = valueAs[bool](s.values[pathSupportsTransactions])
	o.PrivateKeyFormats, _ = valueAs[[]string](s.values[pathPrivateKeyFormats])
	o.Capabilities.ApplicationType = config.ApplicationType(unsigned(s.values[pathApplicationType], math.MaxInt32))
	return o
}

// observation is what the properties say.
func (s *Session) observation() (workflow.Observation, error) {
	o := s.application()
	if s.app.members[pathFile] == nil {
		return o, nil
	}
	o.HasConfigurationFile = true
	version, err := s.version()
	if err != nil {
		return o, err
	}
	o.CurrentVersion = version
	o.LastUpdateTime, _ = valueAs[time.Time](s.values[pathFileLastUpdate])
	ms, _ := valueAs[float64](s.values[pathFileTimeout])
	o.ActivityTimeout = duration(ms)
	dataType, _ := valueAs[*ua.NodeID](s.values[pathFileDataType])
	o.SupportedDataType, _ = portable(dataType, s.namespaces)
	return o, s.capabilities(&o.Capabilities)
}

// version is CurrentVersion, without which nothing can be updated.
func (s *Session) version() (config.VersionTime, error) {
	v, ok := valueAs[uint32](s.values[pathFileVersion])
	if !ok {
		return 0, propertyError(pathFileVersion, s.values[pathFileVersion])
	}
	return config.VersionTime(v), nil
}

// capabilities reads the limits; one that the server denies is an error, since a
// plan made without it would be wrong.
func (s *Session) capabilities(c *config.Capabilities) error {
	for _, p := range applicationProperties {
		if v := s.values[p]; strings.HasPrefix(p, pathFile+"/") && v != nil && denied(v.Status) {
			return propertyError(p, v)
		}
	}
	c.AvailableNetworks, _ = valueAs[[]string](s.values[pathFileNetworks])
	c.AvailablePorts, _ = valueAs[string](s.values[pathFilePorts])
	c.MaxEndpoints = uint16(unsigned(s.values[pathFileMaxEndpoints], math.MaxUint16))
	c.MaxCertificateGroups = uint16(unsigned(s.values[pathFileMaxGroups], math.MaxUint16))
	c.SecurityPolicyURIs, _ = valueAs[[]string](s.values[pathFilePolicies])
	types, _ := valueAs[[]*ua.NodeID](s.values[pathFileTypes])
	c.CertificateTypes = portables(types, s.namespaces)
	purposes, _ := valueAs[[]*ua.NodeID](s.values[pathFilePurposes])
	c.CertificateGroupPurposes = portables(purposes, s.namespaces)
	tokens, _ := valueAs[[]*ua.ExtensionObject](s.values[pathFileUserTokens])
	for _, x := range tokens {
		if p, ok := x.Value.(*ua.UserTokenPolicy); ok {
			c.UserTokenTypes = append(c.UserTokenTypes, config.UserTokenType{
				TokenType: config.TokenType(p.TokenType), IssuedTokenType: p.IssuedTokenType,
			})
		}
	}
	return nil
}

func denied(s ua.StatusCode) bool {
	return s == ua.StatusBadUserAccessDenied || s == ua.StatusBadSecurityModeInsufficient
}

func propertyError(path string, v *ua.DataValue) error {
	return &CallError{Method: "Read " + strings.ReplaceAll(path, "/", "."), Status: statusOf(v)}
}

// maxTrustListSize is in bytes; 0 is unlimited.
func (s *Session) maxTrustListSize() uint32 {
	return uint32(unsigned(s.values[pathMaxTrustListSize], math.MaxUint32))
}
