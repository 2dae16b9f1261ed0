package manifest

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
)

type kind int

const (
	aNothing kind = iota
	aText
	aNumber
	aTruth
	aList
	anObject
)

// node is a YAML value with its place.
type node struct {
	position
	kind   kind
	text   string // of a scalar: decoded text, or a number as written
	items  []*node
	fields []field
}

type field struct {
	position
	name  string
	value *node
}

// describe says what was found, for a message.
func (n *node) describe() string {
	switch n.kind {
	case aText:
		return "the text " + quote(n.text)
	case aNumber:
		return "the number " + n.text
	case aTruth:
		return "the truth value " + n.text
	case aList:
		return "a list"
	case anObject:
		return "an object"
	}
	return "nothing"
}

// quote shows a text of the file, shortened and with escapes.
func quote(text string) string {
	if runes := []rune(text); len(runes) > 60 {
		text = string(runes[:60]) + "…"
	}
	return fmt.Sprintf("%q", text)
}

// tree parses a clean text. It reports and returns nil when there is none.
func (r *report) tree(source string) (root *node) {
	// The parser is a foreign one and its input is not trusted: should it panic,
	// the file is refused like any other that cannot be parsed.
	defer func() {
		if p := recover(); p != nil {
			r.add(position{}, "", fmt.Sprintf("expected YAML, found something that the parser cannot read (%v)", p), "simplify the file")
			root = nil
		}
	}()
	tokens := lexer.Tokenize(source)
	if !r.screen(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			r.add(at(doc.Body.GetToken()), "", "expected one document, found a second one", "put the other endpoint into a file of its own")
			return nil
		}
		body = doc.Body
	}
	if body == nil {
		r.add(position{}, "", "expected a manifest, found nothing", "start with apiVersion: "+Version)
		return nil
	}
	root = r.convert(body, 0)
	if len(r.errs) > 0 {
		return nil
	}
	return root
}

func (r *report) syntax(err error) {
	var known yaml.Error
	if !errors.As(err, &known) {
		r.add(position{}, "", "expected YAML: "+err.Error(), "")
		return
	}
	r.add(at(known.GetToken()), "", "expected YAML: "+known.GetMessage(), "check the indentation, the quotes and the brackets of this line and the one above")
}

func (r *report) convert(n ast.Node, depth int) *node {
	if n == nil {
		return &node{}
	}
	out := &node{position: at(n.GetToken())}
	if depth > maxDepth {
		r.add(out.position, "", fmt.Sprintf("lists and objects are nested more than %d deep", maxDepth), "")
		return out
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.StringNode:
		r.scalar(out, aText, n.Value)
	case *ast.LiteralNode:
		r.scalar(out, aText, n.Value.Value)
	case *ast.BoolNode:
		r.scalar(out, aTruth, n.Token.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		r.scalar(out, aNumber, n.GetToken().Value)
	case *ast.SequenceNode:
		out.kind = aList
		for _, item := range n.Values {
			out.items = append(out.items, r.convert(item, depth+1))
		}
		r.entries(out, len(out.items))
	case *ast.MappingNode:
		r.mapping(out, n.Values, depth)
		if n.IsFlowStyle && n.Start != nil {
			out.position = at(n.Start)
		}
	case *ast.MappingValueNode:
		r.mapping(out, []*ast.MappingValueNode{n}, depth)
	default:
		r.add(out.position, "", "expected plain YAML, found "+n.Type().String(), "")
	}
	return out
}

func (r *report) mapping(out *node, values []*ast.MappingValueNode, depth int) {
	out.kind = anObject
	for i, v := range values {
		key := v.Key.GetToken()
		f := field{position: at(key), name: key.Value, value: r.convert(v.Value, depth+1)}
		if f.value.kind == aNothing {
			f.value.position = f.position
		}
		if i == 0 {
			out.position = f.position
		}
		out.fields = append(out.fields, f)
	}
	r.entries(out, len(values))
}

func (r *report) entries(out *node, n int) {
	if n > maxEntries {
		r.add(out.position, "", fmt.Sprintf("expected at most %d entries, found %d", maxEntries, n), "")
	}
}

// scalar takes a value over; escapes may have brought in what clean refused.
func (r *report) scalar(out *node, k kind, value string) {
	out.kind, out.text = k, value
	if len(value) > maxText {
		r.add(out.position, "", fmt.Sprintf("expected at most %d bytes, found %d", maxText, len(value)), "")
		return
	}
	for _, c := range value {
		if c != '\n' && c != '\t' && forbidden(c) {
			r.add(out.position, "", fmt.Sprintf("expected readable text, found the control character U+%04X", c), "leave it out")
			return
		}
	}
}
