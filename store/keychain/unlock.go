package keychain

import (
	"context"
	"errors"
	"fmt"

	"github.com/awskeyd/awskeyd/store"
)

// unlocker is a backend that a person can open.
type unlocker interface {
	// unlock returns nil when nothing is locked any more. It may raise the
	// system's prompt once, returns when ctx ends, and touches nothing that the
	// worker uses.
	unlock(ctx context.Context) error
}

const remedyAnswer = "type: awskey unlock, and answer it"

var errUnanswered = withRemedy(store.ErrLocked, "nobody answered the prompt", remedyAnswer)

// Unlock opens a locked keychain. It may raise the system's own prompt, once,
// and waits for the person until ctx ends: call it only because a person asked.
// Calls beside it fail as before until it is done. nil: nothing is locked.
// ErrDenied: the prompt was dismissed. ErrLocked: nobody answered, or no prompt
// can be shown; the error says how to unlock it then.
func (k *Keychain) Unlock(ctx context.Context) error {
	u, ok := k.back.(unlocker)
	if !ok {
		return nil
	}
	select {
	case k.prompt <- struct{}{}: // a second prompt would only hide the first
		defer func() { <-k.prompt }()
	case <-ctx.Done():
		return errUnanswered
	}
	switch err := u.unlock(ctx); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errUnanswered
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: unlocking it", store.ErrHung)
	default:
		return explain(err)
	}
}
