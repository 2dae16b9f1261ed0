package push_test

import "testing"

func testWire(t *testing.T, p peers) {}
