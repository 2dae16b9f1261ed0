package cmd_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/uapush/uapush/pki/hsm"
)

// condition is what a script can ask for in brackets: pkcs11, that this program can
// use tokens, and softhsm, that there is SoftHSM2 to have one.
func condition(name string) (bool, error) {
	switch name {
	case "pkcs11":
		return hsm.Built, nil
	case "softhsm":
		_, err := exec.LookPath("softhsm2-util")
		if found := err == nil && softHSM() != ""; found || os.Getenv("UAPUSH_REQUIRE_PEERS") == "" {
			return found, nil
		}
		return false, errors.New("SoftHSM2 is required and not installed: apt-get install softhsm2")
	}
	return false, fmt.Errorf("there is no condition %q", name)
}

// softHSM is the path of SoftHSM2's module; "" is nowhere.
func softHSM() string {
	for _, path := range []string{os.Getenv("SOFTHSM2_MODULE"), "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"} {
		if _, err := os.Stat(path); path != "" && err == nil {
			return path
		}
	}
	return ""
}
