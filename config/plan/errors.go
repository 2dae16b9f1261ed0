package plan

import (
	"fmt"
	"strings"

	"github.com/uapush/uapush/config"
)

// MovedError says that the configuration is not the one a change was made for.
type MovedError struct {
	List config.List
	Name string
	What string // what is different, in words
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("the plan does not fit %s %q: %s", e.List, e.Name, e.What)
}

// Hint tells how to go on.
func (e *MovedError) Hint() string {
	return "somebody changed the configuration; make a new plan with uapush plan, and look at what it shows"
}

// ChangeError says that a change contradicts itself: the plan was edited or damaged.
type ChangeError struct {
	Path    string
	Problem string
}

func (e *ChangeError) Error() string { return fmt.Sprintf("change %q: %s", e.Path, e.Problem) }

// Hint tells how to go on.
func (e *ChangeError) Hint() string {
	return "a saved plan is not meant to be edited; change the manifest and make a new plan"
}

// DanglingError says that a desired record names one that is neither desired nor
// on the server.
type DanglingError struct {
	List      config.List // of the record that holds the reference
	Name      string
	Field     string
	Reference string
	Available []string // what could be named
}

func (e *DanglingError) Error() string {
	return fmt.Sprintf("%s %q: %s names %q, which neither the manifest nor the server has", e.List, e.Name, e.Field, e.Reference)
}

// Hint tells what could be named.
func (e *DanglingError) Hint() string {
	if len(e.Available) == 0 {
		return "the server has none to refer to; describe it in the manifest"
	}
	hint := "there are " + strings.Join(nearest(e.Reference, e.Available), ", ")
	if e.List == config.ServerEndpointList {
		hint += "; some servers give their records other names with every version: what the manifest describes itself is found by its content"
	}
	return hint
}

// ApplicationTypeError says that a kind of application has no use for what is desired.
type ApplicationTypeError struct {
	List  config.List
	Name  string
	Field string // "" where the whole record is meant
	Type  config.ApplicationType
}

func (e *ApplicationTypeError) Error() string {
	what := fmt.Sprintf("%s %q", e.List, e.Name)
	if e.Field != "" {
		what += ": " + e.Field
	}
	return fmt.Sprintf("%s: the application is a %s, which has no such thing (OPC 10000-12, 7.10.19)", what, e.Type)
}

// Hint tells how to go on.
func (e *ApplicationTypeError) Hint() string {
	return "leave it out of the manifest, or name another application"
}

// NotFoundError says that there is no such endpoint.
type NotFoundError struct {
	What      string   // as it was asked for
	Endpoints []string // those that there are, the most similar first
}

func (e *NotFoundError) Error() string { return fmt.Sprintf("there is no endpoint %s", e.What) }

// Hint lists what there is.
func (e *NotFoundError) Hint() string {
	if len(e.Endpoints) == 0 {
		return "the application has no endpoints"
	}
	return "there are " + strings.Join(e.Endpoints, ", ")
}

// AmbiguousError says that several endpoints have the name, or the port.
type AmbiguousError struct {
	Name      string
	Endpoints []string
}

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%d endpoints are called %q: %s", len(e.Endpoints), e.Name, strings.Join(e.Endpoints, ", "))
}

// Hint tells how to go on.
func (e *AmbiguousError) Hint() string { return "name it by its network and port" }
