package manifest

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/uapush/uapush/config"
)

// form is what the text of a field must look like.
type form struct {
	what    string                                // for messages: "expected " + what
	names   []string                              // the short names
	long    func(string) (config.NodeID, bool)    // what a short name stands for; nil: itself
	pattern string                                // of other texts, for the schema; "" permits the names only
	parse   func(string) (value, problem, advice) // of other texts; nil permits any
	example string
	advice  string // for a text that is none of the names; "" suggests the nearest one
}

type (
	value   = string // as the manifest keeps it
	problem = string // what is wrong, "" for nothing
	advice  = string
)

// formOf is the table of forms, by the name in the tags.
func formOf(name string) form {
	switch name {
	case "version":
		return form{what: "the version of the format", names: []string{Version}, example: Version, advice: "this program reads " + Version + "; a newer format needs a newer uapush"}
	case "kind":
		return form{what: "a kind", names: []string{Kind}, example: Kind}
	case "name":
		return form{what: "a name", pattern: `^\S(.*\S)?$`, parse: parseName, example: "line-a"}
	case "text":
		return form{what: "a text", pattern: ".*", example: "text"}
	case "application":
		return form{what: "an ApplicationUri or a NodeId", pattern: `^$|[:=]`, parse: parseApplication, example: "urn:plant:plc1"}
	case "mode":
		return form{what: "a mode", names: modes(), example: "SignAndEncrypt"}
	case "token":
		return form{what: "a kind of user token", names: tokens(), example: "UserName"}
	case "validation":
		return form{what: "a validation option", names: (^config.ValidationOptions(0) & (1<<7 - 1)).Names(), example: "CheckRevocationStatusOffline"}
	case "policy":
		return form{what: "a SecurityPolicy", names: config.PolicyNames(), long: uri(config.PolicyURI), pattern: uriPattern, parse: parseURI, example: "Basic256Sha256"}
	case "transport":
		return form{what: "a transport profile", names: config.TransportNames(), long: uri(config.TransportURI), pattern: uriPattern, parse: parseURI, example: "uatcp"}
	case "certificateType":
		return form{what: "a CertificateType", names: config.CertificateTypeNames(), long: config.CertificateTypeID, pattern: nodePattern, parse: parseNode, example: "RsaSha256"}
	case "purpose":
		return form{what: "a purpose", names: config.PurposeNames(), long: config.PurposeID, pattern: nodePattern, parse: parseNode, example: "ApplicationCertificate"}
	case "uri":
		return form{what: "a URI", pattern: uriPattern, parse: parseURI, example: "urn:plant:tokens"}
	case "endpointUrl":
		return urlForm("opc.tcp", "opc.https", "https", "opc.wss")
	case "discoveryUrl":
		return urlForm("opc.tcp", "opc.https", "https", "opc.wss", "rcp+opc.tcp", "rcp+opc.wss")
	case "reverseUrl":
		return urlForm("opc.tcp", "opc.wss", "rcp+opc.tcp", "rcp+opc.wss")
	case "trusted":
		return form{what: "self, ca or a file", pattern: `\S`, parse: parseTrusted, example: "ca"}
	case "issuer":
		return form{what: "ca or a file", pattern: `\S`, parse: parseIssuer, example: "ca"}
	case "file":
		return form{what: "a file", pattern: `\S`, parse: parseFile, example: "service.pem"}
	case "subject":
		return form{what: "a subject such as CN=PLC1/O=Plant", pattern: `^(CN|O|OU|DC|L|S|C)=`, parse: parseSubject, example: "CN=PLC1/O=Plant"}
	case "dnsName":
		return form{what: "a host name", pattern: `^[A-Za-z0-9_.-]+$`, parse: parseDNSName, example: "plc1"}
	case "ipAddress":
		return form{what: "an IP address", pattern: `^[0-9A-Fa-f.:]+$`, parse: parseIP, example: "192.0.2.1"}
	case "validity":
		return form{what: "a duration such as 365d", pattern: durationPattern, example: "365d"}
	case "wait":
		return form{what: "a duration such as 120s", pattern: durationPattern, example: "120s"}
	}
	panic("no form " + name)
}

const (
	uriPattern  = `^[A-Za-z][A-Za-z0-9+.-]*:\S+$`
	nodePattern = `^((nsu=[^;]+|ns=0);)?[isgb]=.+$`
)

var (
	uriShape  = regexp.MustCompile(uriPattern)
	nodeShape = regexp.MustCompile(`^(nsu?=|[isgb]=)`)
	dnsShape  = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$`)
)

func modes() []string {
	return []string{config.ModeNone.String(), config.ModeSign.String(), config.ModeSignAndEncrypt.String()}
}

func tokens() []string {
	return []string{config.TokenAnonymous.String(), config.TokenUserName.String(), config.TokenCertificate.String(), config.TokenIssued.String()}
}

// uri makes a table of URIs look like one of NodeIds; both are texts here.
func uri(table func(string) (string, bool)) func(string) (config.NodeID, bool) {
	return func(short string) (config.NodeID, bool) {
		long, ok := table(short)
		return config.NodeID(long), ok
	}
}

// read gives the canonical value of a text, or what is wrong with it.
func (f form) read(text string) (value, problem, advice) {
	if slices.Contains(f.names, text) {
		if f.long != nil {
			id, _ := f.long(text)
			return string(id), "", ""
		}
		return text, "", ""
	}
	if f.pattern != "" && f.parse == nil {
		return text, "", ""
	}
	var problem, advice string
	if f.parse != nil {
		var v string
		if v, problem, advice = f.parse(text); problem == "" {
			return v, "", ""
		}
	}
	if len(f.names) == 0 || f.parse != nil && strings.ContainsAny(text, ":=") {
		return "", problem, advice
	}
	problem = "expected " + f.what + " (" + strings.Join(f.names, ", ") + ")"
	if f.parse != nil {
		problem += " or its full form"
	}
	problem += ", found " + quote(text)
	if near, ok := nearest(text, f.names); f.advice != "" {
		advice = f.advice
	} else if ok {
		advice = "did you mean " + near + "?"
	}
	return "", problem, advice
}

func parseName(text string) (value, problem, advice) {
	switch {
	case strings.TrimSpace(text) != text:
		return "", "expected a name, found " + quote(text) + " with blanks around it", "remove the blanks"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", "expected a name, found " + quote(text) + " with a line break or tab in it", "write it on one line"
	case len(text) > 256:
		return "", "expected a name of at most 256 bytes, found a longer one", ""
	}
	return text, "", ""
}

func parseApplication(text string) (value, problem, advice) {
	if nodeShape.MatchString(text) {
		return parseNode(text)
	}
	if text != "" && !uriShape.MatchString(text) {
		return "", "expected an ApplicationUri or a NodeId, found " + quote(text), `write "" for the server itself, or a URI such as urn:plant:plc1`
	}
	return text, "", ""
}

func parseURI(text string) (value, problem, advice) {
	if !uriShape.MatchString(text) {
		return "", "expected a URI, found " + quote(text), "a URI has a scheme, such as urn: or http:"
	}
	return text, "", ""
}

func parseNode(text string) (value, problem, advice) {
	id, err := config.ParseNodeID(text)
	if err != nil {
		return "", "expected a NodeId: " + err.Error(), "write i=12560 or nsu=URI;s=Name"
	}
	if id == "" {
		return "", "expected a NodeId, found the null NodeId", "write i=12560 or nsu=URI;s=Name"
	}
	return string(id), "", ""
}

func parseTrusted(text string) (value, problem, advice) {
	for _, word := range []string{WordSelf, WordCA} {
		if text != word && strings.EqualFold(text, word) {
			return "", "expected self, ca or a file, found " + quote(text), "write " + word + ", or ./" + text + " for a file of that name"
		}
	}
	return parseFile(text)
}

func parseIssuer(text string) (value, problem, advice) {
	if text == WordSelf {
		return "", "expected ca or a file, found self", "self is this client's own certificate: it belongs to trusted"
	}
	return parseTrusted(text)
}

func parseFile(text string) (value, problem, advice) {
	if strings.TrimSpace(text) != text || strings.ContainsFunc(text, unicode.IsControl) {
		return "", "expected the path of a file, found " + quote(text), "remove the blanks around it"
	}
	if strings.Contains(text, "://") {
		return "", "expected the path of a file, found the URL " + quote(text), "save it beside the manifest and name the file"
	}
	if strings.HasSuffix(text, "/") || filepath.Clean(text) == "." || filepath.Base(text) == ".." {
		return "", "expected the path of a file, found the folder " + quote(text), "name the file in it"
	}
	return text, "", ""
}

func parseDNSName(text string) (value, problem, advice) {
	if _, err := netip.ParseAddr(text); err == nil {
		return "", "expected a host name, found the IP address " + text, "move it to ipAddresses"
	}
	if len(text) > 253 || !dnsShape.MatchString(text) {
		return "", "expected a host name, found " + quote(text), "write it as in plc1.plant.example, without scheme, port or wildcard"
	}
	return text, "", ""
}

func parseIP(text string) (value, problem, advice) {
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return "", "expected an IP address, found " + quote(text), "host names belong to dnsNames"
	case addr.Zone() != "":
		return "", "expected an IP address, found " + quote(text) + " with a zone", "a certificate cannot hold a zone: leave out " + quote("%"+addr.Zone())
	}
	return addr.String(), "", ""
}
