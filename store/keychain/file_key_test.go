//go:build !windows

package keychain

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store/secret"
)

// Folders of tests are made at the least cost; shipped is the true one.
var shipped = keyCost

func init() { keyCost = cost{time: 1, memory: 64, threads: 1} }

// No less than what SECURITY.md says, and in the bounds of what is read.
func TestTheCostOfAGuess(t *testing.T) {
	if shipped != (cost{time: 1, memory: 1 << 16, threads: 4}) || !shipped.bounded() {
		t.Errorf("%+v", shipped)
	}
	key, passphrase := newKey(), secret.New("right")
	k, err := parseKey(wrapKey(key, passphrase, shipped))
	if err != nil || k.cost != shipped {
		t.Fatalf("%+v, %v", k.cost, err)
	}
	if got, err := k.open(passphrase); err != nil || !got.Equal(key) {
		t.Fatal(err)
	}
}

func BenchmarkOpenKey(b *testing.B) {
	passphrase := secret.New("right")
	k, err := parseKey(wrapKey(newKey(), passphrase, shipped))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := k.open(passphrase); err != nil {
			b.Fatal(err)
		}
	}
}

// vector was made by other programs, of the description in file_key.go alone:
// argon2-cffi 21.1 and Python's cryptography.
const vector = "awskeyd-key 1 argon2id 2 256 2 AAECAwQFBgcICQoLDA0ODw== " +
	"XEVyBx2R/eRz1mhf5MA590eKuwfxxXRCEpnFSUaZbao994EIOSq5MwJ1tVAYySezTWaPT27aMv5vKn56 4a31aa02b71fc51c517eebeb1c7dcb68\n"

func TestAKeyOfOtherProgramsOpens(t *testing.T) {
	k, err := parseKey([]byte(vector))
	if err != nil {
		t.Fatal(err)
	}
	if key, err := k.open(secret.New("correct horse")); err != nil || key.Reveal() != "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=" {
		t.Errorf("%q, %v", key.Reveal(), err)
	}
}

func TestAKeyIsWrapped(t *testing.T) {
	key, right := newKey(), secret.New("the right one")
	one, two := wrapKey(key, right, keyCost), wrapKey(key, right, keyCost)
	if bytes.Equal(one, two) || newKey().Equal(key) {
		t.Error("nothing is random in it")
	}
	for _, hidden := range []string{key.Reveal(), key.Reveal()[:16], "the right one"} {
		if strings.Contains(string(one), hidden) {
			t.Errorf("%s shows in %s", hidden, one)
		}
	}
	k, err := parseKey(one)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.open(right); err != nil || !got.Equal(key) {
		t.Error(err)
	}
	for _, wrong := range []string{"the right one ", "The right one", "x"} {
		if _, err := k.open(secret.New(wrong)); !errors.Is(err, errWrongPassphrase) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// Whatever is cut off or flipped is damage, and no wrong passphrase.
func TestADamagedKeyIsTold(t *testing.T) {
	file := []byte(vector)
	for i := range file {
		if _, err := parseKey(file[:i]); err == nil {
			t.Errorf("the first %d bytes are a key", i)
		}
		for _, bit := range []byte{1, 0x80} {
			flipped := bytes.Clone(file)
			flipped[i] ^= bit
			if _, err := parseKey(flipped); err == nil {
				t.Errorf("with byte %d flipped it is a key", i)
			}
		}
	}
}

// summed puts the right sum under a file that somebody changed on purpose.
func summed(line string) []byte {
	body, _, _ := cutLast(strings.TrimSuffix(line, "\n"))
	return []byte(body + keyChecksum(body) + "\n")
}

func TestATamperedKeyIsRefused(t *testing.T) {
	for _, c := range []struct{ old, now, want string }{
		{"id 2 256 2 ", "id 2 104857600 2 ", "no awskeyd wrote"}, // 100 GiB
		{"id 2 256 2 ", "id 2 262145 2 ", "no awskeyd wrote"},
		{"id 2 256 2 ", "id 2 15 2 ", "no awskeyd wrote"},
		{"id 2 256 2 ", "id 9 256 2 ", "no awskeyd wrote"},
		{"id 2 256 2 ", "id 0 256 2 ", "no awskeyd wrote"},
		{"id 2 256 2 ", "id 2 256 0 ", "no awskeyd wrote"},
		{"id 2 256 2 ", "id 2 256 258 ", "no awskeyd wrote"}, // 2, if it were cut to a byte
		{"id 2 256 2 ", "id 2 4294967296 2 ", "a number"},
		{"id 2 256 2 ", "id 2 256 02 ", "a number"},
		{"id 2 256 2 ", "id 2 -256 2 ", "a number"},
		{"argon2id", "scrypt", "its fields"},
		{"AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0O", "its salt"},
		{"AAECAwQFBgcICQoLDA0ODw==", "AAECAwQFBgcICQoLDA0ODx==", "its salt"}, // another spelling of the same
		{"awskeyd-key", "other-key", "no key of awskeyd"},
		{"key 1 argon2id 2", "key 2 argon2id 2 new", "newer"},
	} {
		changed := strings.Replace(vector, c.old, c.now, 1)
		if changed == vector {
			t.Fatalf("%q is not in it", c.old)
		}
		if _, err := parseKey(summed(changed)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.now, err, c.want)
		}
	}
	// What is within the bounds is under the seal.
	for _, c := range []struct{ old, now string }{{"id 2 256 2 ", "id 1 256 2 "}, {"id 2 256 2 ", "id 2 512 2 "}, {"id 2 256 2 ", "id 2 256 1 "}, {"AAEC", "BAEC"}, {"XEVy", "XEVz"}} {
		k, err := parseKey(summed(strings.Replace(vector, c.old, c.now, 1)))
		if err != nil {
			t.Fatalf("%s: %v", c.now, err)
		}
		if _, err := k.open(secret.New("correct horse")); !errors.Is(err, errWrongPassphrase) {
			t.Errorf("%s: %v", c.now, err)
		}
	}
	k, _ := parseKey([]byte(vector))
	k.head = strings.Replace(k.head, "argon2id", "argon2xx", 1) // not a part of the derivation
	if _, err := k.open(secret.New("correct horse")); !errors.Is(err, errWrongPassphrase) {
		t.Errorf("the head is not sealed: %v", err)
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add([]byte(vector))
	f.Add(wrapKey(newKey(), secret.New("x"), keyCost))
	f.Add(summed("awskeyd-key 2 what may come x\n"))
	f.Add([]byte("awskeyd-key"))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, data := range [][]byte{file, summed(string(file))} {
			k, err := parseKey(data)
			if err != nil {
				continue
			}
			if !k.cost.bounded() || len(k.salt) != saltSize || !bytes.HasPrefix(data, []byte(k.head)) {
				t.Errorf("%q became %+v", data, k)
			}
		}
	})
}
