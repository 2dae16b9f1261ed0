// Package manifests holds the manifests that the program itself brings along.
package manifests

import _ "embed"

// LineA is the manifest of the demo; it works on one machine.
//
//go:embed line-a.yaml
var LineA []byte
