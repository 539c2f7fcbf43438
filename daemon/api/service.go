package api

import (
	"context"
	"net/http"

	"github.com/awskeyd/awskeyd/helper"
)

// Service is the daemon behind the socket. Methods are called concurrently and
// return an *Error for everything a person can mend.
type Service interface {
	// Credentials returns the exact bytes for a helper's standard output, which
	// the caller wipes. It must not touch keychain, disk or network.
	Credentials(profile string) ([]byte, error)
	Status(ctx context.Context) (Status, error)
	// Identify asks AWS which IAM user an access key belongs to, and keeps nothing.
	// It needs no store.
	Identify(ctx context.Context, r IdentifyRequest) (Identity, error)
	// Standing asks AWS how access keys stand that are not ours, and never signs with
	// one of them.
	Standing(ctx context.Context, r StandingRequest) (Standings, error)
	Key(ctx context.Context, name string) (Key, error)
	Add(ctx context.Context, name string, r AddRequest) (AddResult, error)
	Remove(ctx context.Context, name string, r RemoveRequest) (RemoveResult, error)
	Rename(ctx context.Context, name string, r RenameRequest) (Key, error)
	Rotate(ctx context.Context, name string, r RotateRequest) (Key, error)
	// Rollback begins to go back to the access key that was in use before.
	Rollback(ctx context.Context, name string) (Key, error)
	Pause(ctx context.Context, name string) (Key, error)
	Resume(ctx context.Context, name string) (Key, error)
	Resolve(ctx context.Context, name string, r ResolveRequest) (Key, error)
	// Check asks AWS what could keep the key from being rotated, and changes nothing.
	Check(ctx context.Context, name string) (Checked, error)
	// Eject freezes the key's rotation and gives the current access key out, to
	// stand in plaintext. It may wait for AWS to delete one that nobody was given.
	Eject(ctx context.Context, name string) (Ejected, error)
	Policy(ctx context.Context, name string) (Policy, error)
	// Users lists IAM users with the key named; it is refused where AWS does.
	Users(ctx context.Context, name string) (Users, error)
	// History returns events in order of time, of one key or of all (""),
	// at most limit of the newest; 0 is all.
	History(ctx context.Context, name string, limit int) ([]Event, error)
	// Events delivers what happens from now on; the channel is closed when ctx
	// ends or when the reader is too slow.
	Events(ctx context.Context) (<-chan Event, error)
	// Lock forgets every secret in memory; nothing is handed out and nothing in
	// IAM changes until Unlock. An access key that is just being made is stored
	// first, within 30 s.
	Lock(ctx context.Context) (Store, error)
	// Unlock opens the store again and may wait for a person, until ctx ends.
	Unlock(ctx context.Context) (Store, error)
	Backends(ctx context.Context) ([]Backend, error)
	Choose(ctx context.Context, r ChooseRequest) (Backend, error)
	// Migrate begins to move every key to another store and returns at once.
	Migrate(ctx context.Context, r MigrateRequest) (Migration, error)
	// Migration tells how far the last one is; its error is why that failed.
	Migration(ctx context.Context) (Migration, error)
}

// Error is a failure for the person at the keyboard, the same on the socket,
// in --json and on a terminal. Status and Exit do not travel in the body.
type Error struct {
	Code    string `json:"code"`    // stable word, such as no-such-profile
	Message string `json:"message"` // lower case: what was tried, what was wrong
	Remedy  string `json:"remedy,omitempty"`
	Status  int    `json:"-"` // HTTP status
	Exit    int    `json:"-"` // exit code of the program that shows it
}

// Error returns the message and the remedy as one text.
func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Message
	}
	return e.Message + "; " + e.Remedy
}

// Prompt is a service that knows which credentials need no waiting: these are answered
// before the next connection is looked at.
type Prompt interface {
	// CredentialsNow is what Credentials returns, or nil where that is an error or
	// may have to wait, be it for a moment.
	CredentialsNow(profile string) []byte
}

// NewError pairs an exit code with the HTTP status that fits it.
func NewError(exit int, code, message, remedy string) *Error {
	status := http.StatusInternalServerError
	switch exit {
	case helper.ExitUsage:
		status = http.StatusBadRequest
	case helper.ExitUnknown:
		status = http.StatusNotFound
	case helper.ExitRefused:
		status = http.StatusForbidden
	case helper.ExitLocked:
		status = http.StatusLocked
	case helper.ExitAWS:
		status = http.StatusBadGateway
	case helper.ExitHeld:
		status = http.StatusConflict
	}
	return &Error{Code: code, Message: message, Remedy: remedy, Status: status, Exit: exit}
}
