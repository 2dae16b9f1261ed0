//go:build !pkcs11

package hsm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/uapush/uapush/pki/hsm"
)

func TestNotBuilt(t *testing.T) {
	_, err := hsm.Key("pkcs11:token=a;object=b?module-path=/m.so", []byte("1234"), "")
	var refused *hsm.Error
	if !errors.Is(err, hsm.ErrNotBuilt) || !errors.As(err, &refused) || !strings.Contains(refused.Hint(), "-tags pkcs11") {
		t.Errorf("got %v", err)
	}
}
