package hostile

import "testing"

// TestHonest shows that the other tests fail for what they are about.
func TestHonest(t *testing.T) {
	t.Parallel()
	all(t, []hostility{
		{name: "config get", exit: 0, trusts: true, shows: "encrypted"},
		{name: "plan", args: []string{"plan", "-f", "manifest.yaml"}, exit: 0, trusts: true, shows: "line-a"},
		{name: "discover", args: []string{"discover"}, exit: 0, shows: serverURI},
	})
}
