package push

import (
	"context"
	"time"

	"github.com/gopcua/opcua/ua"

	"github.com/uapush/uapush/workflow"
)

const pathDiagnostics = "TransactionDiagnostics"

// diagnosticsProperties are those of TransactionDiagnosticsType (OPC 10000-12, 7.10.17).
var diagnosticsProperties = []string{"StartTime", "EndTime", "Result", "AffectedTrustLists", "AffectedCertificateGroups", "Errors"}

// TransactionDiagnostics reads what the server says of the current or latest
// transaction. NodeIds of groups and TrustLists are told by name.
func (s *Session) TransactionDiagnostics(ctx context.Context) (workflow.TransactionDiagnostics, error) {
	if err := s.members(ctx); err != nil {
		return workflow.TransactionDiagnostics{}, err
	}
	var paths []browsePath
	for _, p := range diagnosticsProperties {
		paths = append(paths, browsePath{from: s.app.id, path: pathDiagnostics + "/" + p})
	}
	nodes, err := s.translate(ctx, paths)
	if err != nil {
		return workflow.TransactionDiagnostics{}, err
	}
	for _, n := range nodes {
		if n == nil {
			return workflow.TransactionDiagnostics{}, &MissingFeatureError{Feature: pathDiagnostics}
		}
	}
	values, err := s.read(ctx, nodes)
	if err != nil {
		return workflow.TransactionDiagnostics{}, err
	}
	if len(s.groups) == 0 {
		if err := s.findGroups(ctx); err != nil {
			return workflow.TransactionDiagnostics{}, err
		}
	}
	return s.diagnostics(values)
}

// diagnostics reads the values in the order of diagnosticsProperties. Which status
// a value has says how far the transaction is.
func (s *Session) diagnostics(values []*ua.DataValue) (workflow.TransactionDiagnostics, error) {
	d := workflow.TransactionDiagnostics{Phase: workflow.NoTransaction}
	if denied(values[2].Status) {
		return d, propertyError(pathDiagnostics+"/Result", values[2])
	}
	var known bool
	// node-opcua 2.157 gives MinValue where there was none.
	if d.StartTime, known = valueAs[time.Time](values[0]); !known || d.StartTime.Year() < 1970 {
		return workflow.TransactionDiagnostics{Phase: workflow.NoTransaction}, nil
	}
	d.Phase = workflow.TransactionActive
	if result, completed := valueAs[ua.StatusCode](values[2]); completed {
		d.Phase, d.Result = workflow.TransactionCompleted, statusText(result)
		d.EndTime, _ = valueAs[time.Time](values[1])
	}
	lists, _ := valueAs[[]*ua.NodeID](values[3])
	groups, _ := valueAs[[]*ua.NodeID](values[4])
	d.TrustLists, d.Groups = s.namesOf(lists), s.namesOf(groups)
	errs, _ := valueAs[[]*ua.ExtensionObject](values[5])
	for _, x := range errs {
		if e, ok := x.Value.(*ua.TransactionErrorType); ok {
			d.Errors = append(d.Errors, workflow.TransactionError{
				Target: s.nameOfNode(e.TargetID), Status: statusText(e.Error), Message: textOf(e.Message),
			})
		}
	}
	return d, nil
}

func (s *Session) namesOf(nodes []*ua.NodeID) []string {
	var names []string
	for _, n := range nodes {
		names = append(names, s.nameOfNode(n))
	}
	return names
}

// nameOfNode names a group or its TrustList; what is neither goes by its NodeId.
func (s *Session) nameOfNode(n *ua.NodeID) string {
	if n == nil {
		return ""
	}
	for _, name := range s.order {
		g := s.groups[name]
		switch list := g.members[pathList]; {
		case g.id.Equal(n):
			return name
		case list != nil && list.Equal(n):
			return "trust list of " + name
		}
	}
	return n.String()
}
