//go:build unix

package keychain

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/99designs/keyring"

	"github.com/awskeyd/awskeyd/store"
)

// passFolder keeps our items together among those of other programs.
const passFolder = "awskeyd"

// passOptions is how a user tells pass which options to give to gpg.
const passOptions = "PASSWORD_STORE_GPG_OPTS"

// passwordStore is the backend pass: the library runs pass, which runs gpg; this
// keeps gpg's agent from raising a prompt, tells locked from broken, and forces
// what was written to disk.
type passwordStore struct {
	dir     string // of the password store
	proof   gpgProof
	changed map[string]bool // files to be forced to disk; nil: all of them
}

func (k *Keychain) openPass(Config) error {
	_, _, err := k.worker.run(context.Background(), nil, func(ctx context.Context, begin func() error, _ []byte) ([]byte, error) {
		p, err := findPass(ctx)
		if err == nil {
			err = begin()
		}
		if err != nil {
			return nil, err
		}
		// pass hands the variable's words to gpg. It is set for this process
		// alone, since the library passes its own environment on.
		options := strings.Join(gpgOptions(quietly), " ")
		if now := os.Getenv(passOptions); !strings.Contains(now, options) {
			os.Setenv(passOptions, strings.TrimSpace(now+" "+options))
		}
		unsigned()
		k.ring, err = keyring.Open(keyring.Config{
			AllowedBackends: []keyring.BackendType{keyring.PassBackend},
			PassDir:         p.dir, PassPrefix: passFolder,
		})
		k.back = p
		return nil, err
	})
	return explain(err)
}

// unsigned keeps git, with which pass commits what it writes where its store is
// under git, from having gpg sign that: it would ask for the passphrase of
// another key. Git before 2.31 does not know of these variables.
var unsigned = sync.OnceFunc(func() {
	n, _ := strconv.Atoi(os.Getenv("GIT_CONFIG_COUNT"))
	for _, name := range []string{"commit.gpgsign", "pass.signcommits"} {
		os.Setenv(fmt.Sprintf("GIT_CONFIG_KEY_%d", n), name)
		os.Setenv(fmt.Sprintf("GIT_CONFIG_VALUE_%d", n), "false")
		n++
	}
	os.Setenv("GIT_CONFIG_COUNT", strconv.Itoa(n))
})

// findPass finds the programs, the store, and whom it is encrypted to; more are
// further options of gpg.
func findPass(ctx context.Context, more ...string) (*passwordStore, error) {
	if os.Getenv("PATH") == "" { // the helper hands none to a daemon that it starts
		os.Setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
	}
	for _, program := range []string{"pass", "gpg"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, withRemedy(store.ErrUnavailable, "there is no program "+program+" on the service's PATH", "install pass and gnupg, then restart awskeyd")
		}
	}
	dir := os.Getenv("PASSWORD_STORE_DIR")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("%w: finding the home folder: %w", store.ErrUnavailable, err)
		}
		dir = filepath.Join(home, ".password-store")
	}
	p := &passwordStore{dir: dir}
	recipients, err := p.recipients()
	if err != nil {
		return nil, err
	}
	p.proof, err = proofFor(ctx, recipients, more...)
	return p, err
}

// recipients are the ids in the .gpg-id that counts for our folder.
func (p *passwordStore) recipients() ([]string, error) {
	data, err := os.ReadFile(filepath.Join(p.dir, passFolder, ".gpg-id"))
	if errors.Is(err, fs.ErrNotExist) {
		data, err = os.ReadFile(filepath.Join(p.dir, ".gpg-id"))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withRemedy(store.ErrUnavailable, "there is no password store in "+p.dir, "make one: pass init YOUR-GPG-ID")
	}
	if err != nil {
		return nil, err
	}
	ids := gpgIDs(string(data))
	if len(ids) == 0 {
		return nil, withRemedy(store.ErrUnavailable, "the password store in "+p.dir+" names no gpg key", "make it anew: pass init YOUR-GPG-ID")
	}
	return ids, nil
}

// gpgIDs are the lines of a .gpg-id, without what follows a number sign.
func gpgIDs(text string) (ids []string) {
	for line := range strings.Lines(text) {
		id, _, _ := strings.Cut(line, "#")
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// ready makes sure that the store is still there, since the library calls every
// item of a folder that it cannot see not found, and that gpg-agent can open it.
func (p *passwordStore) ready(ctx context.Context) error {
	if _, err := p.recipients(); err != nil {
		return err
	}
	if _, err := os.ReadDir(p.folder()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return p.proof.decrypted(ctx, quietly)
}

// read tells what pass does not: it ends with 1 whatever was wrong. ready has
// just found the store open, so an agent that forgot in between is rare.
func (p *passwordStore) read(err error) error {
	if _, failed := errors.AsType[*exec.ExitError](err); !failed {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := p.proof.decrypted(ctx, quietly); err != nil {
		return err
	}
	return fmt.Errorf("%w: gpg cannot decrypt it", store.ErrDamaged)
}

// unlock lets the agent ask for the passphrase.
func (p *passwordStore) unlock(ctx context.Context) error {
	if err := p.proof.decrypted(ctx, quietly); !errors.Is(err, store.ErrLocked) {
		return err
	}
	return p.proof.decrypted(ctx, byPrompt)
}

func (p *passwordStore) folder() string { return filepath.Join(p.dir, passFolder) }

func (p *passwordStore) wrote(item string) {
	if p.changed != nil {
		p.changed[item+".gpg"] = true
	}
}

// sync forces to disk what was written since the last time, the first time
// everything, since a process before this one may have died before it could.
func (p *passwordStore) sync() error {
	if p.changed == nil {
		entries, err := os.ReadDir(p.folder())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		p.changed = map[string]bool{}
		for _, e := range entries {
			p.changed[e.Name()] = true
		}
	}
	for name := range p.changed {
		if err := force(filepath.Join(p.folder(), name)); err != nil {
			return err
		}
		delete(p.changed, name)
	}
	if err := force(p.folder()); err != nil {
		return err
	}
	return force(p.dir) // pass makes our folder, and takes it away with the last item
}

// force makes what is in a file or folder survive a crash of the machine. One
// that is gone has nothing to lose.
func force(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (p *passwordStore) close() {}

func probePass(ctx context.Context) (string, error) {
	p, err := findPass(ctx, gpgLooking...)
	if err != nil {
		return "", err
	}
	text := "pass keeps its store in " + p.dir
	switch err := p.proof.decrypted(ctx, quietly, gpgLooking...); {
	case err == nil:
		return text + ", which gpg-agent opens", nil
	case errors.Is(err, errNoAgent):
		return text + "; whether it is locked shows once gpg-agent runs", nil
	case errors.Is(err, store.ErrLocked):
		return text + ", which is locked", err
	default:
		return "", err
	}
}
