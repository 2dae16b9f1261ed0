package push_test

import "testing"

func testNodeConfigurationFile(t *testing.T, p peers) {}
func testWire(t *testing.T, p peers)                  {}
