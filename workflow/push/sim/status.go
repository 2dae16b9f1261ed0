package sim

import (
	"net"
	"os"
	"runtime"
	"time"

	"github.com/gopcua/opcua/id"
	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow/push/secureconv"
	"github.com/uapush/uapush/workflow/push/sim/internal/space"
)

const productURI = "urn:uapush:product:sim"

// maxByteString bounds one Read or Write of a file, in bytes.
const maxByteString = 65536

// describe gives the Server Object its values (OPC 10000-5, 6.3 and 12.10).
func (s *Server) describe(sp *space.Space, started time.Time) {
	good := func(v any) func() (any, ua.StatusCode) {
		return func() (any, ua.StatusCode) { return v, ua.StatusOK }
	}
	server := sp.Tree(ua.NewNumericNodeID(0, id.Server))
	server.Value("NamespaceArray", func() (any, ua.StatusCode) {
		return []string{"http://opcfoundation.org/UA/", s.ApplicationURI()}, ua.StatusOK
	})
	server.Value("ServerArray", func() (any, ua.StatusCode) { return []string{s.ApplicationURI()}, ua.StatusOK })
	server.Value("ServiceLevel", good(byte(255)))
	server.Value("Auditing", good(false))
	server.Value("ServerStatus", func() (any, ua.StatusCode) {
		seconds, reason := s.shutdown()
		return ua.NewExtensionObject(&ua.ServerStatusDataType{
			StartTime: started, CurrentTime: time.Now().UTC(), State: s.state(), BuildInfo: buildInfo(),
			SecondsTillShutdown: seconds, ShutdownReason: reason,
		}), ua.StatusOK
	})
	server.Value("ServerStatus/StartTime", good(started))
	server.Value("ServerStatus/CurrentTime", func() (any, ua.StatusCode) { return time.Now().UTC(), ua.StatusOK })
	server.Value("ServerStatus/State", func() (any, ua.StatusCode) { return int32(s.state()), ua.StatusOK })
	server.Value("ServerStatus/BuildInfo", good(ua.NewExtensionObject(buildInfo())))
	server.Value("ServerStatus/SecondsTillShutdown", func() (any, ua.StatusCode) {
		seconds, _ := s.shutdown()
		return seconds, ua.StatusOK
	})
	server.Value("ServerStatus/ShutdownReason", func() (any, ua.StatusCode) {
		_, reason := s.shutdown()
		return reason, ua.StatusOK
	})
	capabilities := server.Child("ServerCapabilities")
	for path, v := range map[string]any{
		"ServerProfileArray": []string{}, "LocaleIdArray": []string{"en"}, "MaxBrowseContinuationPoints": uint16(s.options.Limits.ContinuationPoints),
		"MaxArrayLength": uint32(ua.MaxVariantArrayLength), "MaxStringLength": secureconv.DefaultLimits().MaxMessageSize, "MaxByteStringLength": uint32(maxByteString),
		"OperationLimits/MaxNodesPerRead": uint32(maxNodesPerRead), "OperationLimits/MaxNodesPerWrite": uint32(maxNodesPerWrite),
		"OperationLimits/MaxNodesPerMethodCall": uint32(maxNodesPerCall), "OperationLimits/MaxNodesPerBrowse": uint32(maxNodesPerBrowse),
		"OperationLimits/MaxNodesPerTranslateBrowsePathsToNodeIds": uint32(maxNodesPerTranslate),
	} {
		capabilities.Value(path, good(v))
	}
}

// state is Shutdown when a restart was announced (OPC 10000-12, 7.10.13), and
// NoConfiguration while the server is in application setup (G.2).
func (s *Server) state() ua.ServerState {
	s.mu.RLock()
	leaving := !s.down.IsZero()
	s.mu.RUnlock()
	switch {
	case leaving:
		return ua.ServerStateShutdown
	case s.device().InApplicationSetup():
		return ua.ServerStateNoConfiguration
	}
	return ua.ServerStateRunning
}

// shutdown is how many seconds are left until a restart that was announced, and
// why there will be one.
func (s *Server) shutdown() (seconds uint32, reason *ua.LocalizedText) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.down.IsZero() {
		return 0, &ua.LocalizedText{}
	}
	left := max(0, time.Until(s.down))
	return uint32((left + time.Second - 1) / time.Second), ua.NewLocalizedTextWithLocale(resetReason, "en")
}

const resetReason = "The security configuration was reset to its defaults. Certificates and users that worked before may not work any more."

func buildInfo() *ua.BuildInfo {
	return &ua.BuildInfo{ProductURI: productURI, ManufacturerName: "uapush", ProductName: "uapush sim", SoftwareVersion: runtime.Version()}
}

// hostnames are the DNS names and addresses of a server that listens on host, the
// one that clients on this machine use first.
func hostnames(host string) []string {
	ip := net.ParseIP(host)
	switch {
	case host == "", ip != nil && ip.IsUnspecified():
		names := []string{"127.0.0.1", "localhost"}
		if own, err := os.Hostname(); err == nil && own != "localhost" {
			names = append(names, own)
		}
		return names
	case ip != nil && ip.IsLoopback():
		return []string{host, "localhost"}
	}
	return []string{host}
}
