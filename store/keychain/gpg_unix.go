//go:build unix

package keychain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/store"
)

// How gpg may come by the passphrase of a secret key.
const (
	quietly  = "cancel"  // from its agent's memory or not at all
	byPrompt = "default" // the agent may raise its prompt
)

const remedyGPG = "show any item of it in a terminal (pass show NAME), then try again"

// gpgOptions keep gpg from asking anybody anything; its agent asks only in the
// mode byPrompt. With --quiet gpg 2.2 would not tell why a decryption failed.
func gpgOptions(mode string) []string {
	return []string{"--batch", "--no-tty", "--pinentry-mode", mode}
}

// gpg runs GnuPG on a text and returns what it wrote, and what it told in its
// status lines (doc/DETAILS of GnuPG, "Format of the --status-fd output").
func gpg(ctx context.Context, in []byte, args ...string) (out []byte, status string, err error) {
	cmd := exec.CommandContext(ctx, "gpg", append([]string{"--status-fd", "2"}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = bytes.NewReader(in)
	var said, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &told
	cmd.WaitDelay = time.Second // for an agent that holds the output open
	err = cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return said.Bytes(), told.String(), err
}

// gpgProof is a text that only those can read who can read every item: what
// decrypts it says whether the store is locked, and touches no secret.
type gpgProof []byte

const proofText = "awskeyd can read this password store"

// gpgLooking has gpg look and write nothing: neither its trust, which it would
// else bring up to date, nor a lock, nor an agent that lives on.
var gpgLooking = []string{"--no-autostart", "--no-auto-check-trustdb", "--trust-model", "always", "--lock-never", "--no-random-seed-file"}

// proofFor encrypts the proof as pass encrypts its items; more are further
// options of gpg.
func proofFor(ctx context.Context, recipients []string, more ...string) (gpgProof, error) {
	args := append(append(gpgOptions(quietly), more...), "--no-encrypt-to", "--encrypt")
	for _, r := range recipients {
		args = append(args, "--recipient", r)
	}
	out, _, err := gpg(ctx, []byte(proofText), args...)
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		return nil, withRemedy(store.ErrUnavailable, "gpg cannot encrypt to "+strings.Join(recipients, ", "), "see what this says in a terminal: pass insert awskeyd/try")
	}
	return out, err
}

// decrypted tries the proof; more are further options of gpg.
func (p gpgProof) decrypted(ctx context.Context, mode string, more ...string) error {
	out, status, err := gpg(ctx, p, append(append(gpgOptions(mode), more...), "--decrypt")...)
	if err == nil && string(out) == proofText {
		return nil
	}
	if err != nil {
		if _, failed := errors.AsType[*exec.ExitError](err); !failed {
			return err
		}
	}
	return refusal(mode, status)
}

// errNoAgent: whether the key is locked shows once there is an agent.
var errNoAgent = fmt.Errorf("%w: no gpg-agent runs", store.ErrUnavailable)

// The numbers of libgpg-error that tell why an agent gave no passphrase.
const (
	gpgTimeout        = 62
	gpgCanceled       = 99
	gpgFullyCanceled  = 198
	gpgErrorCodeMask  = 0xffff
	gpgDecryptionWord = "[GNUPG:] ERROR pkdecrypt_failed "
)

func refusal(mode, status string) error {
	for line := range strings.Lines(status) {
		number, found := strings.CutPrefix(line, gpgDecryptionWord)
		if !found {
			continue
		}
		code, _ := strconv.Atoi(strings.TrimSpace(number))
		switch code &= gpgErrorCodeMask; {
		case mode == quietly:
			return withRemedy(store.ErrLocked, "gpg-agent does not have the passphrase of the password store", remedyGPG)
		case code == gpgCanceled, code == gpgFullyCanceled:
			return errDismissed
		case code == gpgTimeout:
			return errUnanswered
		}
		return withRemedy(store.ErrLocked, "gpg-agent could show no prompt for the passphrase of the password store", remedyGPG)
	}
	if strings.Contains(status, "no gpg-agent running") {
		return errNoAgent
	}
	return withRemedy(store.ErrUnavailable, "gpg has no secret key that opens the password store", "import it, then see what this says in a terminal: pass show NAME")
}
