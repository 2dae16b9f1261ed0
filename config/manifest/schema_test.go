package manifest_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/uapush/uapush/config"
	"github.com/uapush/uapush/config/manifest"
	manifests "github.com/uapush/uapush/testdata/manifest"
)

// full has every field of the format.
const full = `{apiVersion: uapush/v1, kind: Endpoint, application: urn:plant:plc1,
endpoint: {name: a, port: 1, network: eth0, discoveryUrls: [rcp+opc.tcp://c], endpointUrls: [opc.tcp://c], transportProfile: uatcp,
  reverseConnectUrls: [opc.tcp://c], securitySettings: [s], userTokens: [t, i]},
securitySettings: [{name: s, modes: [Sign], policies: [ECC_nistP256], certificateGroup: g}],
userTokenSettings: [{name: t, type: Certificate, policy: None, certificateGroup: g},
  {name: i, type: IssuedToken, authorizationService: z, issuedTokenType: "urn:x", issuerEndpointUrl: x}],
certificateGroups: [{name: g, purpose: i=12557, types: [RsaSha256], validation: [SuppressHostNameInvalid],
  trust: {trusted: [self], issuers: [ca], crls: [a.crl]},
  certificates: {RsaSha256: {subject: 'O="A/S"', dnsNames: [h], ipAddresses: ["::1"], validity: 1d12h}}}],
authorizationServices: [{name: z, serviceUri: "urn:z", serviceCertificates: [z.pem], issuerEndpointSettings: "{}"}],
update: {restartDelay: 0s, revertAfter: 1m30s}}`

type object = map[string]any

func schemaOf(t *testing.T) object {
	t.Helper()
	var s object
	if err := json.Unmarshal(manifest.JSONSchema(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchemaFitsParser: every field of the schema occurs in full, and the parser
// accepts full; what the schema does not have, the parser refuses.
func TestSchemaFitsParser(t *testing.T) {
	if _, err := manifest.Parse("full", []byte(full)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{full, good, string(manifests.LineA)} {
		used := map[string]bool{}
		if err := conforms(schemaOf(t), decode(t, text), "", used); err != nil {
			t.Error(err)
		}
		if text != full {
			continue
		}
		for _, path := range fields(schemaOf(t), "") {
			if !used[path] {
				t.Errorf("the full manifest lacks %s of the schema", path)
			}
		}
	}
}

// TestParserFitsSchema: a mistake in any field of full is found by both.
func TestParserFitsSchema(t *testing.T) {
	for _, path := range fields(schemaOf(t), "") {
		spoilt := decode(t, full)
		if !rename(spoilt, strings.Split(strings.TrimPrefix(path, "."), ".")) {
			t.Errorf("no field %s", path)
			continue
		}
		text, err := json.Marshal(spoilt)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := manifest.Parse("m.json", text); err == nil || !strings.Contains(err.Error(), "unknown field") {
			t.Errorf("%s misspelt: the parser says %v", path, err)
		}
		if conforms(schemaOf(t), spoilt, "", map[string]bool{}) == nil {
			t.Errorf("%s misspelt: the schema accepts it", path)
		}
	}
}

func TestSchemaNames(t *testing.T) {
	text := string(manifest.JSONSchema())
	for name, list := range map[string][]string{
		"policies": config.PolicyNames(), "transports": config.TransportNames(),
		"certificate types": config.CertificateTypeNames(), "purposes": config.PurposeNames(),
		"modes":      {"None", "Sign", "SignAndEncrypt"},
		"tokens":     {"Anonymous", "UserName", "Certificate", "IssuedToken"},
		"validation": config.ValidationOptions(1<<7 - 1).Names(),
	} {
		raw, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		if compact := regexp.MustCompile(`\s+`).ReplaceAllString(text, ""); !strings.Contains(compact, `"enum":`+string(raw)) {
			t.Errorf("%s: no enum %s", name, raw)
		}
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// fields lists the paths of all fields; lists and free keys are passed through.
func fields(s object, path string) []string {
	var out []string
	for name, sub := range asObject(s["properties"]) {
		out = append(out, path+"."+name)
		out = append(out, fields(asObject(sub), path+"."+name)...)
	}
	out = append(out, below(s["items"], path)...)
	return append(out, below(s["additionalProperties"], path)...)
}

func below(s any, path string) []string {
	if o := asObject(s); o != nil {
		return fields(o, path)
	}
	return nil
}

func asObject(v any) object {
	o, _ := v.(object)
	return o
}

// rename misspells the first field of that path.
func rename(v any, path []string) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return rename(item, path) })
	case object:
		if value, ok := v[path[0]]; ok {
			if len(path) > 1 {
				return rename(value, path[1:])
			}
			delete(v, path[0])
			v[path[0]+"X"] = value
			return true
		}
		for _, value := range v { // free keys
			if o := asObject(value); o != nil && rename(o, path) {
				return true
			}
		}
	}
	return false
}

// conforms is as much of a validator as the schema uses keywords.
func conforms(s object, v any, path string, used map[string]bool) error {
	used[path] = true
	if any, ok := s["anyOf"].([]any); ok {
		for _, one := range any {
			if conforms(asObject(one), v, path, used) == nil {
				return nil
			}
		}
		return fmt.Errorf("%s: %v fits none of anyOf", path, v)
	}
	switch v := v.(type) {
	case object:
		return objectConforms(s, v, path, used)
	case []any:
		for _, item := range v {
			if err := conforms(asObject(s["items"]), item, path, used); err != nil {
				return err
			}
		}
		return typed(s, "array", path)
	case float64:
		return typed(s, "integer", path)
	case string:
		if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, any(v)) {
			return fmt.Errorf("%s: %q is not in the enum", path, v)
		}
		if p, ok := s["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(v) {
			return fmt.Errorf("%s: %q does not match %s", path, v, p)
		}
		return typed(s, "string", path)
	}
	return fmt.Errorf("%s: unexpected %T", path, v)
}

func objectConforms(s object, v object, path string, used map[string]bool) error {
	properties := asObject(s["properties"])
	for name, value := range v {
		sub, at := asObject(properties[name]), path+"."+name
		if sub == nil {
			if sub = asObject(s["additionalProperties"]); sub == nil {
				return fmt.Errorf("%s: not in the schema", at)
			}
			at = path
		}
		if err := conforms(sub, value, at, used); err != nil {
			return err
		}
	}
	required, _ := s["required"].([]any)
	for _, name := range required {
		if _, ok := v[name.(string)]; !ok {
			return fmt.Errorf("%s: lacks %s", path, name)
		}
	}
	return typed(s, "object", path)
}

func typed(s object, want, path string) error {
	if s["type"] != want {
		return fmt.Errorf("%s: is of type %s, the schema has %v", path, want, s["type"])
	}
	return nil
}
