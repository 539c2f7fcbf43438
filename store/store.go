// Package store keeps one small record per key in the operating system's
// keychain so that every write is one atomic, proven step.
//
// It knows names, bytes and keychain trouble. It must never know what a record
// means (IAM, HTTP, rotation), never print a record's bytes, and never take
// "not found" for "there is none" unless the store has proven itself readable.
package store

import (
	"context"
	"errors"
	"fmt"
)

// MaxRecord is the largest encoded record in bytes, in any keychain: a generic
// credential of Windows holds 2,560 bytes (CRED_MAX_CREDENTIAL_BLOB_SIZE) and
// its writers are known to cut longer ones (99designs/keyring#99).
const MaxRecord = 2048

// The kinds of keychain trouble. They stay different all the way to the
// person, since each has its own remedy. Test with errors.Is.
var (
	ErrAbsent      = errors.New("not in the store")          // and the store proved readable
	ErrLocked      = errors.New("the store is locked")       // a person must unlock it
	ErrDenied      = errors.New("the store denied access")   // a person or a policy said no
	ErrHung        = errors.New("the store does not answer") // a call ran into its deadline and has not returned
	ErrDamaged     = errors.New("the record is damaged")     // neither slot is whole
	ErrEmptied     = errors.New("the record is gone")        // the index names it, the keychain has it no more
	ErrUnavailable = errors.New("the store is not available")
	ErrChanged     = errors.New("the record was changed by somebody else") // a slot is not what this process last saw
	ErrUnknown     = errors.New("the outcome of the write is unknown")     // neither done nor undone; see Store.Save
	ErrExists      = errors.New("already in the store")
	ErrTooLarge    = errors.New("the record is too large")
	ErrNewer       = errors.New("the record was written by a newer awskeyd") // this program must not touch it
	ErrMoved       = errors.New("the keys are in another store")             // an *Elsewhere says in which; they are not served from here
)

// ErrStranger is the ErrDamaged of an item that another program wrote under a
// name of ours: it stays as it is.
var ErrStranger = fmt.Errorf("%w: it was not written by awskeyd", ErrDamaged)

// Items is a keychain reduced to what the store needs: named items of at most
// MaxRecord bytes. Every call ends within the implementation's own deadline,
// also when ctx has none, and returns an error that wraps one of the kinds
// above. Calls are safe for concurrent use; implementations run them one at a
// time.
type Items interface {
	// Get returns a copy of an item; ErrAbsent when the keychain answered that
	// there is none, ErrDamaged when it cannot make sense of what it holds, and
	// ErrStranger when no torn write of ours can have left that.
	Get(ctx context.Context, name string) ([]byte, error)
	// Set creates or overwrites an item in place and keeps no reference to data
	// once it has returned, hung calls included. An error that wraps ErrUnknown
	// (beside its kind) means that the item may hold either value or a broken
	// one, now or later; any other error means that nothing was sent.
	Set(ctx context.Context, name string, data []byte) error
	// Remove deletes an item; ErrAbsent when there was none.
	Remove(ctx context.Context, name string) error
	// Sync forces what was set to disk where the system lets us.
	Sync(ctx context.Context) error
}
