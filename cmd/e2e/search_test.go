//go:build linux

package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// piece is the least part of a secret, in any of its forms, that counts as a
// leak, in bytes. It is far more than chance could put together.
const piece = 16

// canary knows secrets in every form in which a program might write them down.
type canary struct {
	mu     sync.RWMutex
	pieces map[string]string // a piece → what it is of
}

func newCanary() *canary { return &canary{pieces: map[string]string{}} }

// watch adds a secret.
func (c *canary) watch(name, secret string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for form, text := range forms(secret) {
		for i := 0; i+piece <= len(text); i++ {
			c.pieces[text[i:i+piece]] = fmt.Sprintf("the secret of %s (%s)", name, form)
		}
	}
}

// forms spells a secret as programs do.
func forms(secret string) map[string]string {
	f := map[string]string{
		"raw":           secret,
		"hex":           hex.EncodeToString([]byte(secret)),
		"HEX":           strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"URL-escaped":   url.QueryEscape(secret),
		"path-escaped":  url.PathEscape(secret),
		"%2f-escaped":   strings.NewReplacer("+", "%2b", "/", "%2f").Replace(secret),
		"JSON \\/":      strings.ReplaceAll(secret, "/", `\/`),
		"JSON \\u":      strings.NewReplacer("+", `\u002b`, "/", `\u002f`).Replace(secret),
		"wide (UTF-16)": strings.Join(strings.Split(secret, ""), "\x00"),
	}
	// Amid other text base64 begins at any of three places; the characters at
	// the ends, which depend on that text, are left out.
	for _, alphabet := range []struct {
		name string
		*base64.Encoding
	}{{"base64", base64.RawStdEncoding}, {"base64url", base64.RawURLEncoding}} {
		for before := range 3 {
			text := alphabet.EncodeToString([]byte(strings.Repeat("x", before) + secret))
			f[fmt.Sprintf("%s at %d", alphabet.name, before)] = text[(8*before+5)/6 : len(text)-1]
		}
	}
	return f
}

// in tells what of a secret stands in text, or nothing. Only what was found is
// told, never the text itself.
func (c *canary) in(text []byte) string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i := 0; i+piece <= len(text); i++ {
		if what, ok := c.pieces[string(text[i:i+piece])]; ok {
			return what
		}
	}
	return ""
}

// inFiles searches every file below a folder, and the names of the files.
func (c *canary) inFiles(dir string) (leaks []string, files int) {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if os.IsNotExist(err) { // a temporary file of a running program
				return nil
			}
			return err
		}
		if what := c.in([]byte(path)); what != "" {
			leaks = append(leaks, "a file's name: "+what)
		}
		if !e.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		files++
		if what := c.in(text); what != "" {
			leaks = append(leaks, path+": "+what)
		}
		return nil
	})
	if err != nil {
		leaks = append(leaks, "the search broke off: "+err.Error())
	}
	return leaks, files
}

// inOutputs searches what the programs of a home wrote and how they were called.
func (c *canary) inOutputs(h *home) (leaks []string, outputs int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.outputs {
		if what := c.in([]byte(o.program)); what != "" {
			leaks = append(leaks, "a command line: "+what)
		}
		if what := c.in([]byte(o.text)); what != "" {
			leaks = append(leaks, "the output of "+o.program+": "+what)
		}
	}
	return leaks, len(h.outputs)
}

// inProcesses searches the arguments and environments of all processes that
// may be looked at.
func (c *canary) inProcesses() (leaks []string, processes int) {
	for _, pid := range processIDs() {
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(filepath.Join("/proc", pid, file))
			if err != nil {
				continue // it has ended, or belongs to somebody else
			}
			if file == "cmdline" {
				processes++
			}
			if what := c.in(text); what != "" {
				program, _, _ := bytes.Cut(text, []byte{0})
				if file == "environ" {
					program = []byte("process " + pid)
				}
				leaks = append(leaks, fmt.Sprintf("%s of %s: %s", file, program, what))
			}
		}
	}
	return leaks, processes
}

// The search finds each form, also amid other text, and nothing in innocent text.
func TestEveryFormOfASecretIsFound(t *testing.T) {
	const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzEXAMPLE12"
	c := newCanary()
	c.watch("the test", secret)
	for form, text := range forms(secret) {
		if c.in([]byte("before "+text+" after")) == "" {
			t.Errorf("%s is not found", form)
		}
	}
	for at := range len(secret) - piece + 1 {
		if c.in([]byte("x"+secret[at:at+piece]+"y")) == "" {
			t.Errorf("%d bytes from %d are not found", piece, at)
		}
	}
	for before := range 7 {
		text := strings.Repeat(".", before) + `{"SecretAccessKey":"` + secret + `","more":"of it"}`
		if c.in([]byte(base64.StdEncoding.EncodeToString([]byte(text)))) == "" {
			t.Errorf("base64 of a document is not found %d bytes in", before)
		}
	}
	innocent := strings.Repeat("the quick brown fox AKIAIOSFODNN7EXAMPLE "+secret[:piece-1]+" ", 50)
	if what := c.in([]byte(innocent)); what != "" {
		t.Errorf("%s in innocent text", what)
	}
}
