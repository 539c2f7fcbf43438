package keychain

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/store"
)

// probeDeadline is how long a question about one backend may take.
const probeDeadline = 5 * time.Second

// Probe says in a person's words what stands behind a backend here and now, for
// the first question of "awskey add", for status and for "awskey store list". It
// starts, unlocks, writes and asks nothing. A nil error: it can be used as it
// is; the text is never empty and tells of the error too.
func Probe(ctx context.Context, backend string) (text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeDeadline)
	defer cancel()
	b, err := find(backend)
	if err == nil {
		text, err = b.probe(ctx)
		if err = explain(err); ctx.Err() != nil {
			err = withRemedy(store.ErrHung, fmt.Sprintf("no answer within %s", probeDeadline), "look for a dialog that waits for an answer, or restart it")
		}
	}
	if text == "" && err != nil {
		_, text, _ = strings.Cut(err.Error(), ": ")
		if text == "" {
			text = err.Error()
		}
	}
	return backend + ": " + text, err
}
