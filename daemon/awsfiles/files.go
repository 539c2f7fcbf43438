// Package awsfiles reads and edits the files that people keep for AWS: the
// shared config and credentials files, and the CSV file that the console
// offers with a new access key.
//
// An edit touches its own line and must never change another byte. Where the
// AWS CLI and the SDKs would read a file differently it is refused, with the
// line to mend. Nothing here prints a value of these files, since any of them
// may be a secret.
package awsfiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/awskeyd/awskeyd/daemon/atomicfile"
	"github.com/awskeyd/awskeyd/store/failpoint"
)

// Files are the paths of one person's AWS files, which need not exist.
type Files struct {
	Config      string // where AWS profiles and credential_process stand
	Credentials string // where plaintext keys stand
}

// Locate finds the files as the AWS CLI does: AWS_CONFIG_FILE and
// AWS_SHARED_CREDENTIALS_FILE, else those in the folder .aws of the home (AWS
// SDKs and tools reference guide, "Location of the shared files").
func Locate(env func(string) string, home string) Files {
	at := func(variable, name string) string {
		path := env(variable)
		if path == "" {
			return filepath.Join(home, ".aws", name)
		}
		if rest, ok := strings.CutPrefix(path, "~/"); ok {
			return filepath.Join(home, rest)
		}
		return path
	}
	return Files{Config: at("AWS_CONFIG_FILE", "config"), Credentials: at("AWS_SHARED_CREDENTIALS_FILE", "credentials")}
}

const (
	maxFile  = 4 << 20         // bytes; more is no AWS file, and would only eat memory
	lockWait = 5 * time.Second // an edit takes milliseconds
	lockName = ".awskey.lock"
)

// read returns the bytes of a file; one that does not exist is empty.
func read(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		return nil, fmt.Errorf("%s is a pipe, which would keep its reader waiting; write a file in its place", path)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is longer than %d bytes, which no AWS file is", path, maxFile)
	}
	return data, err
}

// testOnlyStep is called between the steps of an edit; a test may end the process
// there.
var testOnlyStep = func(string) {}

// edit lets change rework the document, writes it back, and tells what is new.
// Edits of ours wait for each other. Another program takes no lock, so its
// write is looked for at the last moment, and the edit done again on top.
func edit(path string, change func(*document) error) ([]Change, error) {
	unlock, err := lock(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	testOnlyStep("locked")
	// What an edit left that was cut off, and which may hold a secret.
	if err := errors.Join(atomicfile.Sweep(path), atomicfile.Sweep(path+backupEnd)); err != nil {
		return nil, fmt.Errorf("cannot clean up beside %s: %w", path, err)
	}
	for range 10 {
		before, err := read(path)
		if err != nil {
			return nil, err
		}
		doc, err := parse(before)
		if err != nil {
			return nil, fmt.Errorf("%s:%w", path, err)
		}
		if err := change(doc); err != nil {
			return nil, err
		}
		changes := doc.changes(path)
		if len(changes) == 0 {
			return nil, nil
		}
		if now, err := read(path); err != nil || !bytes.Equal(now, before) {
			continue
		}
		if err := keepBefore(path, before); err != nil {
			return nil, fmt.Errorf("cannot keep a copy without secrets of %s: %w", path, err)
		}
		testOnlyStep("kept")
		failpoint.At("awsfiles.editing")
		err = atomicfile.Edit(path, doc.bytes(), 0o600)
		failpoint.At("awsfiles.edited")
		testOnlyStep("written")
		return changes, err
	}
	return nil, fmt.Errorf("%s is being changed by another program; try again when it has finished", path)
}

// lock serialises our own edits in one folder and leaves nothing behind: the
// lock file is removed by its holder, so whoever gets the lock must see that
// what it locked is still what stands there.
func lock(folder string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	path := filepath.Join(folder, lockName)
	for {
		l := flock.New(path, flock.SetPermissions(0o600))
		_, err := l.TryLockContext(ctx, 10*time.Millisecond)
		if errors.Is(err, context.DeadlineExceeded) {
			l.Close()
			return nil, fmt.Errorf("another awskey has been editing %s for %s; try again, or delete %s", folder, lockWait, path)
		}
		if err != nil {
			l.Close()
			return nil, err
		}
		held, err := l.Stat()
		stands, err2 := os.Stat(path)
		if err == nil && err2 == nil && os.SameFile(held, stands) {
			return func() {
				os.Remove(path) // Windows keeps an open file; it then stays, empty
				l.Close()
			}, nil
		}
		l.Close()
	}
}
