package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/plan"
)

// Configuration shows every record of an application.
func (v View) Configuration(label string, app config.Application) error {
	rows := records(app)
	var names []string
	for _, r := range rows {
		names = append(names, r[0]+" "+r[1])
	}
	return v.Result(versioned{configurationSchema, app}, func(t *Text) {
		t.Line("%s  %s  configuration %v", Clean(label), Clean(app.Identity.ApplicationURI), app.Version)
		t.Line("")
		t.Rows([]string{"RECORD", "NAME", "CONTENT"}, rows)
	}, names)
}

func records(app config.Application) [][]string {
	var rows [][]string
	add := func(list config.List, i int, name string, record any) {
		rows = append(rows, []string{config.RecordPath(list, i), Clean(name), Clean(strings.Join(Describe(record), " · "))})
	}
	for i, r := range app.CertificateGroups {
		add(config.CertificateGroupList, i, r.Name, r)
	}
	for i, r := range app.UserTokenSettings {
		add(config.UserTokenSettingsList, i, r.Name, r)
	}
	for i, r := range app.SecuritySettings {
		add(config.SecuritySettingsList, i, r.Name, r)
	}
	for i, r := range app.ServerEndpoints {
		add(config.ServerEndpointList, i, r.Name, r)
	}
	for i, r := range app.ClientEndpoints {
		add(config.ClientEndpointList, i, r.Name, r)
	}
	for i, r := range app.AuthorizationServices {
		add(config.AuthorizationServicesList, i, r.Name, r)
	}
	return rows
}

// Diff shows how a configuration differs from an earlier one.
func (v View) Diff(label string, before, after config.VersionTime, changes []plan.Change) error {
	value := struct {
		Before  config.VersionTime `json:"before"`
		After   config.VersionTime `json:"after"`
		Changes []plan.Change      `json:"changes"`
	}{before, after, append([]plan.Change{}, changes...)}
	var names []string
	for _, c := range changes {
		names = append(names, c.Path+" "+c.Name)
	}
	return v.Result(versioned{diffSchema, value}, func(t *Text) {
		t.Line("%s  from %v to %v", Clean(label), before, after)
		t.Line("")
		if len(changes) == 0 {
			t.Line("No differences.")
			return
		}
		t.changes(changes)
	}, names)
}

// endpointRow is one endpoint with what its settings say.
type endpointRow struct {
	Name         string   `json:"name"`
	Kind         string   `json:"kind"` // ServerEndpoint or ClientEndpoint
	NetworkName  string   `json:"networkName"`
	Port         uint16   `json:"port"`
	EndpointURLs []string `json:"endpointUrls"`
	Modes        []string `json:"modes,omitempty"`
	Policies     []string `json:"policies,omitempty"`
	Groups       []string `json:"certificateGroups,omitempty"`
	Tokens       []string `json:"userTokens,omitempty"`
}

// Endpoints lists the endpoints of a configuration.
func (v View) Endpoints(app config.Application) error {
	rows := endpointRows(app)
	var names []string
	for _, r := range rows {
		names = append(names, r.Name)
	}
	return v.Result(versioned{endpointsSchema, rows}, func(t *Text) {
		if len(rows) == 0 {
			t.Line("No endpoints.")
			return
		}
		var cells [][]string
		for _, r := range rows {
			network := r.NetworkName
			if network == "" {
				network = "all"
			}
			what := strings.Join(slices.DeleteFunc([]string{
				strings.Join(r.Modes, ", "), strings.Join(r.Policies, ", "), strings.Join(r.Tokens, ", "), strings.Join(r.EndpointURLs, " "),
			}, func(s string) bool { return s == "" }), " · ")
			cells = append(cells, []string{Clean(r.Name), fmt.Sprint(r.Port), Clean(network), Clean(strings.Join(r.Groups, ", ")), Clean(what)})
		}
		t.Rows([]string{"NAME", "PORT", "NETWORK", "GROUP", "SECURITY · TOKENS · URLS"}, cells)
	}, names)
}

func endpointRows(app config.Application) []endpointRow {
	rows := []endpointRow{}
	for _, e := range app.ServerEndpoints {
		r := endpointRow{Name: e.Name, Kind: "ServerEndpoint", NetworkName: e.NetworkName, Port: e.Port, EndpointURLs: e.EndpointURLs}
		for _, s := range app.SecuritySettings {
			if slices.Contains(e.SecuritySettingNames, s.Name) {
				for _, m := range s.SecurityModes {
					r.Modes = addNew(r.Modes, m.String())
				}
				for _, p := range s.SecurityPolicyURIs {
					r.Policies = addNew(r.Policies, config.PolicyName(p))
				}
				r.Groups = addNew(r.Groups, s.CertificateGroupName)
			}
		}
		for _, u := range app.UserTokenSettings {
			if slices.Contains(e.UserTokenSettingNames, u.Name) {
				r.Tokens = addNew(r.Tokens, u.TokenType.String())
			}
		}
		rows = append(rows, r)
	}
	for _, e := range app.ClientEndpoints {
		rows = append(rows, endpointRow{Name: e.Name, Kind: "ClientEndpoint", NetworkName: e.NetworkName, Port: e.Port, EndpointURLs: e.DiscoveryURLs})
	}
	return rows
}

func addNew(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
