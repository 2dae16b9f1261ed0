package cmd

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzInventory: whatever stands in an inventory, it is refused or gives settings
// for flags that exist.
func FuzzInventory(f *testing.F) {
	for _, seed := range []string{
		"servers:\n  plc1:\n    url: opc.tcp://plc1:4840\n    user: admin\n    password-file: pw\n    trust: [a.pem, b.pem]\n    tofu: true\n",
		"servers: {plc1: {url: 'opc.tcp://plc1', labels: {site: a}, timeout: 3s, pin: 'sha256:00'}}",
		"servers:\n  a: &a {url: x}\n  b: *a\n  c: {<<: *a}\n",
		"servers: [1, 2]", "- x", "", "servers:\n  ? {a: b}\n  : c\n",
		"a: &a [x, x]\nb: &b [*a, *a]\nservers: *b\n",
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), inventoryFile)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		inv, err := loadInventory(path)
		if err != nil {
			return
		}
		for name, e := range inv.Servers {
			for flag, values := range e.flagValues("dir") {
				if flag == "" || len(values) == 0 {
					t.Fatalf("server %q: flag %q has the values %q", name, flag, values)
				}
			}
		}
	})
}
