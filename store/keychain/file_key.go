//go:build !windows

package keychain

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/awskeyd/awskeyd/store/secret"
)

// The items of a folder are encrypted with a random data key, which lies beside
// them in a file of one line, wrapped under the person's passphrase:
//
//	awskeyd-key 1 argon2id TIME MEMORY THREADS SALT WRAPPED SUM
//
// MEMORY is in KiB; SALT, WRAPPED are base64. WRAPPED is the data key under
// ChaCha20-Poly1305 with everything before it as additional data. SUM, the last
// field in every version of the format, covers all the rest: it tells a damaged
// file from a wrong passphrase.
const (
	keyMagic   = "awskeyd-key"
	keyVersion = "1"
	keyKDF     = "argon2id"
	keyFields  = 9
	keySum     = 32 // hex characters, against accidents alone
	keySize    = 32
	saltSize   = 16 // RFC 9106, section 3.1

	// saltLabel keeps what is derived here apart from what the same passphrase
	// and salt may yield elsewhere.
	saltLabel = "awskeyd file store key 1 "
)

// cost is what one guess of a passphrase costs, and one start of the daemon.
type cost struct {
	time    uint32
	memory  uint32 // KiB
	threads uint8
}

// keyCost is chosen as RFC 9106, section 4, says: first the memory that can be
// afforded, then the time. 64 MiB, since a small machine has no 2 GiB (its first
// recommended option, whose time and threads these are) to spare for a service
// at login; one pass, an eighth of a second of one core, since the first program
// that asks for a key waits for it, at a moment when everything starts. That is
// above the least of OWASP's Password Storage Cheat Sheet, 46 MiB and one pass.
// A folder keeps the cost that it was made with.
var keyCost = cost{time: 1, memory: 64 << 10, threads: 4}

// bounded refuses what a tampered file could ask for: the least that RFC 9106
// allows, and at most 256 MiB for some seconds.
func (c cost) bounded() bool {
	return c.time >= 1 && c.time <= 8 && c.threads >= 1 && c.threads <= 16 &&
		c.memory >= 8*uint32(c.threads) && c.memory <= 256<<10
}

var (
	errWrongPassphrase = errors.New("the passphrase does not unwrap the key")
	errNewerKey        = errors.New("it was written by a newer awskeyd")
)

// newKey is a random data key, in the form that the library takes.
func newKey() secret.Value {
	b := make([]byte, keySize)
	defer clear(b)
	rand.Read(b) // never fails: crypto/rand
	return secret.New(base64.StdEncoding.EncodeToString(b))
}

// wrapKey makes the file of a data key.
func wrapKey(key, passphrase secret.Value, c cost) []byte {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	head := strings.Join([]string{
		keyMagic, keyVersion, keyKDF, strconv.FormatUint(uint64(c.time), 10), strconv.FormatUint(uint64(c.memory), 10),
		strconv.FormatUint(uint64(c.threads), 10), base64.StdEncoding.EncodeToString(salt),
	}, " ") + " "
	plain := []byte(key.Reveal())
	defer clear(plain)
	wrapped := c.cipher(passphrase, salt).Seal(nil, zeroNonce[:], plain, []byte(head))
	line := head + base64.StdEncoding.EncodeToString(wrapped) + " "
	return []byte(line + keyChecksum(line) + "\n")
}

// zeroNonce is enough: a salt, and so a key of the cipher, is used once.
var zeroNonce [chacha20poly1305.NonceSize]byte

// cipher derives the key that wraps. It takes c.memory and gives it back.
func (c cost) cipher(passphrase secret.Value, salt []byte) cipher.AEAD {
	p := []byte(passphrase.Reveal())
	defer clear(p)
	k := argon2.IDKey(p, append([]byte(saltLabel), salt...), c.time, c.memory, c.threads, chacha20poly1305.KeySize)
	defer clear(k)
	// What it was derived in is neither kept nor left to be found.
	debug.FreeOSMemory()
	a, err := chacha20poly1305.New(k)
	if err != nil {
		panic(err) // the size is right
	}
	return a
}

// wrappedKey is a file that was read and found whole.
type wrappedKey struct {
	cost    cost
	head    string
	salt    []byte
	wrapped []byte
}

// parseKey takes any bytes. Its errors say what is wrong with the file, or are
// errNewerKey.
func parseKey(file []byte) (wrappedKey, error) {
	line, ok := bytes.CutSuffix(file, []byte("\n"))
	if !ok {
		return wrappedKey{}, errors.New("its end is missing")
	}
	body, sum, _ := cutLast(string(line))
	if sum != keyChecksum(body) {
		return wrappedKey{}, errors.New("its checksum does not fit")
	}
	f := strings.Split(string(line), " ")
	switch {
	case f[0] != keyMagic || len(f) < 3:
		return wrappedKey{}, errors.New("it is no key of awskeyd")
	case f[1] != keyVersion:
		return wrappedKey{}, errNewerKey
	case len(f) != keyFields || f[2] != keyKDF:
		return wrappedKey{}, errors.New("its fields are not those of a key")
	}
	var numbers [3]uint64
	for i := range numbers {
		n, err := strconv.ParseUint(f[3+i], 10, 32)
		if err != nil || strconv.FormatUint(n, 10) != f[3+i] {
			return wrappedKey{}, errors.New("a number in it is none")
		}
		numbers[i] = n
	}
	k := wrappedKey{cost: cost{uint32(numbers[0]), uint32(numbers[1]), uint8(numbers[2])}}
	if numbers[2] > 255 || !k.cost.bounded() {
		return wrappedKey{}, fmt.Errorf("it asks for %d passes over %d KiB by %d threads, which no awskeyd wrote", numbers[0], numbers[1], numbers[2])
	}
	var err1, err2 error
	k.salt, err1 = base64.StdEncoding.Strict().DecodeString(f[6])
	k.wrapped, err2 = base64.StdEncoding.Strict().DecodeString(f[7])
	if err1 != nil || err2 != nil || len(k.salt) != saltSize || len(k.wrapped) <= chacha20poly1305.Overhead {
		return wrappedKey{}, errors.New("its salt or its key is not whole")
	}
	body, _, _ = cutLast(strings.TrimSuffix(body, " "))
	k.head = body
	return k, nil
}

// cutLast cuts before the last word; the space stays with what is before it.
func cutLast(s string) (before, last string, ok bool) {
	at := strings.LastIndexByte(s, ' ')
	return s[:at+1], s[at+1:], at >= 0
}

func keyChecksum(body string) string {
	h := sha256.Sum256([]byte(body))
	return hex.EncodeToString(h[:])[:keySum]
}

// open returns the data key, or errWrongPassphrase.
func (k wrappedKey) open(passphrase secret.Value) (secret.Value, error) {
	plain, err := k.cost.cipher(passphrase, k.salt).Open(nil, zeroNonce[:], k.wrapped, []byte(k.head))
	if err != nil {
		return secret.Value{}, errWrongPassphrase
	}
	defer clear(plain)
	return secret.New(string(plain)), nil
}
