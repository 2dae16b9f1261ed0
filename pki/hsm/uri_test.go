package hsm_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/uapush/uapush/pki/hsm"
)

func TestParseURI(t *testing.T) {
	u, err := hsm.ParseURI("pkcs11:token=Plant%20CA;object=ca;id=%01%FF;type=private?module-path=/usr/lib/m.so")
	if err != nil || u.Token != "Plant CA" || u.Object != "ca" || string(u.ID) != "\x01\xff" || u.Module != "/usr/lib/m.so" {
		t.Errorf("got %+v, %v", u, err)
	}
	u, err = hsm.ParseURI("pkcs11:slot-id=7;object=ca?module-path=/m.so")
	if err != nil || u.Slot == nil || *u.Slot != 7 {
		t.Errorf("got %+v, %v", u, err)
	}
	for text, why := range map[string]string{
		"":                        "begins with",
		"token=a":                 "begins with",
		"pkcs11:":                 "names the token",
		"pkcs11:token=a;object=b": "module-path",
		"pkcs11:token=a;object=b?module-path=m.so":                         "absolute",
		"pkcs11:token=a?module-path=/m.so":                                 "names the key",
		"pkcs11:object=b?module-path=/m.so":                                "names the token",
		"pkcs11:token=a;slot-id=1;object=b?module-path=/m.so":              "one of",
		"pkcs11:token=a;token=b;object=b?module-path=/m.so":                "twice",
		"pkcs11:token=;object=b?module-path=/m.so":                         "empty",
		"pkcs11:token=a;object=b;model=x?module-path=/m.so":                "not looked at",
		"pkcs11:token=a;object=b?module-path=/m.so&module-name=m":          "not looked at",
		"pkcs11:slot-id=x;object=b?module-path=/m.so":                      "number",
		"pkcs11:token=%zz;object=b?module-path=/m.so":                      "read",
		"pkcs11:token=a%0A;object=b?module-path=/m.so":                     "read",
		"pkcs11:token=a;object=b;type=cert?module-path=/m.so":              "private",
		"pkcs11:token=a;object=b?module-path=/m.so&pin-value=4711":         "no place",
		"pkcs11:token=a;object=b?pin-source=file:/pin&module-path=/m.so":   "no place",
		"pkcs11:token=" + strings.Repeat("a", 5000) + "?module-path=/m.so": "begins with",
	} {
		_, err := hsm.ParseURI(text)
		if err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "4711") {
			t.Errorf("%.80q: got %v, want %q", text, err, why)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	f.Add("pkcs11:token=a;object=b?module-path=/m.so&pin-value=secret")
	f.Add("pkcs11:slot-id=1;id=%00?module-path=/m.so")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := hsm.ParseURI(text)
		if err == nil && (u.Module == "" || u.Object == "" && len(u.ID) == 0 || strings.Contains(text, "pin-") && !strings.Contains(u.Token+u.Object+u.Module+u.Serial+string(u.ID), "pin-")) {
			t.Errorf("%q is taken as %+v", text, u)
		}
	})
}

// Whatever this program was built for, a PIN in the URI is refused and not repeated.
func TestKeyRefusesPIN(t *testing.T) {
	_, err := hsm.Key("pkcs11:token=a;object=b?module-path=/m.so&pin-value=4711", []byte("4711"), "")
	var refused *hsm.Error
	if !errors.As(err, &refused) || refused.Hint() == "" || strings.Contains(err.Error(), "4711") {
		t.Errorf("got %v", err)
	}
}
