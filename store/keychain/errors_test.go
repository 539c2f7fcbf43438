package keychain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/99designs/keyring"

	"github.com/awskeyd/awskeyd/store"
)

func noSecret(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("the error shows what it must not: %v", err)
		}
	}
}

func TestKinds(t *testing.T) {
	decode := json.Unmarshal([]byte(`SECRET`), new(int))
	shape := json.Unmarshal([]byte(`"SECRET"`), new(int))
	for _, c := range []struct {
		err  error
		kind error
		set  bool // of a Set that had begun: is the outcome unknown?
	}{
		{keyring.ErrKeyNotFound, store.ErrAbsent, false},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.ENOENT}, store.ErrAbsent, false},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, store.ErrDenied, true},
		{&fs.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC}, store.ErrUnavailable, true},
		{errors.New("Cannot create an item in a locked collection"), store.ErrLocked, false},
		{errors.New("Cannot get secret of a locked object"), store.ErrLocked, false},
		{errors.New("Cannot delete a locked item"), store.ErrLocked, false},
		{errors.New("The name org.freedesktop.secrets was not provided by any .service files"), store.ErrUnavailable, false},
		{errors.New("Message recipient disconnected from message bus without replying"), store.ErrUnavailable, true},
		{errors.New(`Object does not exist at path "/"`), store.ErrUnavailable, true},
		{context.DeadlineExceeded, store.ErrHung, true},
		{decode, store.ErrDamaged, true},
		{shape, store.ErrDamaged, true},
		{errors.New("SECRET"), store.ErrUnavailable, true},
		{fmt.Errorf("%w: x", store.ErrLocked), store.ErrLocked, true},
	} {
		wants(t, explain(c.err), c.kind, false)
		wants(t, changed(c.err, true), c.kind, c.set)
		wants(t, changed(c.err, false), c.kind, false)
		noSecret(t, explain(c.err), changed(c.err, true))
		if strings.Contains(explain(c.err).Error(), "\n") {
			t.Errorf("more than one line: %v", explain(c.err))
		}
	}
	if explain(nil) != nil || changed(nil, true) != nil {
		t.Error("no error became one")
	}
}

func TestWhatIsNotHere(t *testing.T) {
	for name, want := range map[string]string{
		"wincred": "backend wincred is for Windows, not for " + runtime.GOOS, "": "there is no backend",
		"nonsense": "there is no backend",
	} {
		_, err := Open(Config{Backend: name})
		if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
		if text, err := Probe(t.Context(), name); err == nil || !strings.Contains(text, want) {
			t.Errorf("probe of %q: %q, %v", name, text, err)
		}
	}
}
