//go:build unix

package keychain

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store"
)

func TestWhyGPGRefuses(t *testing.T) {
	for _, c := range []struct {
		mode, status string
		kind         error
		says         string
	}{
		{quietly, "[GNUPG:] ERROR pkdecrypt_failed 67108963\n", store.ErrLocked, "does not have the passphrase"},
		{byPrompt, "[GNUPG:] ERROR pkdecrypt_failed 67108963\n", store.ErrDenied, "dismissed"},
		{byPrompt, "[GNUPG:] ERROR pkdecrypt_failed 83886278\n", store.ErrDenied, "dismissed"}, // fully cancelled
		{byPrompt, "[GNUPG:] ERROR pkdecrypt_failed 83886142\n", store.ErrLocked, "nobody answered"},
		{byPrompt, "gpg: x\n[GNUPG:] ERROR pkdecrypt_failed 83918950\n", store.ErrLocked, "could show no prompt"},
		{quietly, "gpg: no gpg-agent running in this session\n", errNoAgent, ""},
		{quietly, "[GNUPG:] NO_SECKEY 0123456789ABCDEF\n", store.ErrUnavailable, "no secret key"},
	} {
		if err := refusal(c.mode, c.status); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s, %q: %v; want %v that says %q", c.mode, c.status, err, c.kind, c.says)
		}
	}
	if ids := gpgIDs("# ours\nada@example.org\n\n 0xABC # old\r\n"); !slices.Equal(ids, []string{"ada@example.org", "0xABC"}) {
		t.Errorf("ids %q", ids)
	}
}

// Whatever gpg says becomes one line of a known kind, and none of its words is
// repeated.
func FuzzGPG(f *testing.F) {
	f.Add("[GNUPG:] ERROR pkdecrypt_failed 67108963\n")
	f.Add("[GNUPG:] ERROR pkdecrypt_failed \nno gpg-agent running")
	f.Add("ada@example.org # x\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, mode := range []string{quietly, byPrompt} {
			err := refusal(mode, text)
			if !ours(err) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "[GNUPG") {
				t.Fatalf("%v", err)
			}
		}
		for _, id := range gpgIDs(text) {
			if id == "" || strings.ContainsAny(id, "#\n") || !strings.Contains(text, id) {
				t.Fatalf("the id %q", id)
			}
		}
	})
}
