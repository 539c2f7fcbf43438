package keychain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"syscall"

	"github.com/99designs/keyring"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain/busguard"
)

// The remedies a person can type or do.
const (
	remedyLocked   = "type: awskey unlock, or log in to the desktop"
	remedyProvider = "log in to the desktop, or start one: gnome-keyring-daemon --start --components=secrets"
	remedyBus      = "log in to the desktop or install dbus-user-session, then restart awskeyd"
	remedyFull     = "make room there, then it goes on by itself"
)

// texts tells the kinds of trouble apart that reach us as bare text: D-Bus
// errors of the provider and of the bus, without a type. unsent: the provider
// refused, so a write surely did not happen.
var texts = []struct {
	text   string
	kind   error
	remedy string
	unsent bool
}{
	{"Cannot get secret of a locked object", store.ErrLocked, remedyLocked, true}, // gnome-keyring
	{"Cannot create an item in a locked collection", store.ErrLocked, remedyLocked, true},
	{"Cannot set secret of a locked item", store.ErrLocked, remedyLocked, true},
	{"Cannot delete a locked item", store.ErrLocked, remedyLocked, true},
	{"org.freedesktop.Secret.Error.IsLocked", store.ErrLocked, remedyLocked, true}, // the specification's own
	{"was not provided by any .service files", store.ErrUnavailable, remedyProvider, true},
	{"disconnected from message bus without replying", store.ErrUnavailable, remedyProvider, false},
	{"Object does not exist at path", store.ErrUnavailable, remedyProvider, false}, // a dismissed prompt, or a restarted provider
	{"No such secret", store.ErrUnavailable, remedyProvider, false},
	{"Access denied", store.ErrDenied, "", false},
	{"Rejected send message", store.ErrDenied, "", true}, // the bus's policy
}

// explain gives an error of the library, the bus or the disk one of the store's
// kinds. No text of an item's content ever passes: what is not known to be
// harmless is not repeated.
func explain(err error) error {
	kind, _ := classify(err)
	return kind
}

// changed is explain for a call that changes something: unless it surely did
// not happen, its outcome is unknown.
func changed(err error, begun bool) error {
	kind, unsent := classify(err)
	if err == nil || !begun || unsent || errors.Is(kind, store.ErrUnknown) {
		return kind
	}
	return fmt.Errorf("%w: %w", store.ErrUnknown, kind)
}

func absent(err error) bool {
	return errors.Is(err, keyring.ErrKeyNotFound) || errors.Is(err, fs.ErrNotExist)
}

func classify(err error) (kind error, unsent bool) {
	var number syscall.Errno
	var path *fs.PathError
	var ended *exec.ExitError
	if r, ok := errors.AsType[refused](err); ok {
		return r.error, true
	}
	switch {
	case err == nil:
		return nil, false
	case absent(err):
		return store.ErrAbsent, true
	case ours(err):
		return err, errors.Is(err, store.ErrAbsent)
	case errors.Is(err, context.DeadlineExceeded):
		return store.ErrHung, false
	case errors.Is(err, context.Canceled):
		return err, false
	case errors.Is(err, errPanic):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err), false
	case undecoded(err):
		return fmt.Errorf("%w: the item cannot be decoded", store.ErrDamaged), false
	case errors.Is(err, keyring.ErrNoAvailImpl):
		return noBus(), true
	case strings.Contains(err.Error(), "dbus: connection closed"):
		busguard.Lost("the session bus went away")
		return noBus(), false
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", store.ErrDenied, bare(err)), false
	case errors.As(err, &path) && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)):
		return withRemedy(store.ErrUnavailable, bare(err).Error(), remedyFull), false
	case errors.As(err, &number):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, bare(err)), false
	case errors.As(err, &ended):
		return withRemedy(store.ErrUnavailable, "the keychain's program failed ("+ended.Error()+")", "see awskey logs"), false
	}
	for _, t := range texts {
		if strings.Contains(err.Error(), t.text) {
			return withRemedy(t.kind, t.text, t.remedy), t.unsent
		}
	}
	if strings.HasPrefix(fmt.Sprintf("%T", err), "dbus.") {
		return fmt.Errorf("%w: the provider of secrets answers: %.200q", store.ErrUnavailable, err.Error()), false
	}
	return fmt.Errorf("%w: the keyring library reports an error of no known kind", store.ErrUnavailable), false
}

// undecoded reports that an item is not in the library's own form.
func undecoded(err error) bool {
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	return errors.As(err, &syntax) || errors.As(err, &shape)
}

// refused is an error of a call that surely changed nothing.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

// ours reports whether an error was made here and has its kind already.
func ours(err error) bool {
	for _, kind := range []error{store.ErrAbsent, store.ErrLocked, store.ErrDenied, store.ErrHung, store.ErrDamaged, store.ErrUnavailable, store.ErrTooLarge} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// bare is the operation, path and number of a system error: never more.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path
	}
	var number syscall.Errno
	errors.As(err, &number)
	return number
}

func withRemedy(kind error, why, remedy string) error {
	if remedy == "" {
		return fmt.Errorf("%w: %s", kind, why)
	}
	return fmt.Errorf("%w: %s; %s", kind, why, remedy)
}

// noBus is the error of a process that has no session bus.
func noBus() error {
	why := busguard.Reason()
	if why == "" {
		why = "the keyring library found no session bus"
	}
	return withRemedy(store.ErrUnavailable, why, remedyBus)
}
