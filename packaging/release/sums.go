package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The names that a signature is made and asked for under.
const (
	signer    = "releases@awskeyd"
	namespace = "awskeyd-release"
)

// sums writes SHA256SUMS, in the form that sha256sum and shasum check.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	r.say("made SHA256SUMS of %d files", len(entries))
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), b.Bytes(), 0o644)
}

// sign signs the sums with ssh-keygen, which everybody has who has git, and which
// reaches keys in agents and on hardware too. It believes nothing until the
// signature holds before the keys that users have.
func (r *release) sign() error {
	sums := filepath.Join(r.out, "SHA256SUMS")
	sign := exec.Command("ssh-keygen", "-q", "-Y", "sign", "-f", r.key, "-n", namespace, sums)
	// It may have to ask for a passphrase, or for a touch.
	sign.Stdin, sign.Stdout, sign.Stderr = os.Stdin, os.Stderr, os.Stderr
	if err := sign.Run(); err != nil {
		return fmt.Errorf("signing SHA256SUMS: %w", err)
	}
	data, err := os.ReadFile(sums)
	if err != nil {
		return err
	}
	verify := exec.Command("ssh-keygen", "-Y", "verify", "-f", filepath.Join(r.root, "packaging", "release", "signers"),
		"-I", signer, "-n", namespace, "-s", sums+".sig")
	verify.Stdin = bytes.NewReader(data)
	if out, err := verify.CombinedOutput(); err != nil {
		return errors.Join(
			fmt.Errorf("users would refuse this signature: %s; sign with a key that stands in packaging/release/signers", strings.TrimSpace(string(out))),
			os.Remove(sums+".sig"))
	}
	r.say("signed SHA256SUMS, and packaging/release/signers knows the key")
	return nil
}
