package guard

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store/secret"
)

// A try of taking a key in that failed is made again after a pause that grows.
type try struct {
	of    [sha256.Size]byte // the secret: a person may have mended it
	err   error
	after time.Time
	pause time.Duration
}

const (
	firstPause = time.Minute
	lastPause  = 15 * time.Minute
	// takeWithin is for one key: while it is taken in nothing else is looked at.
	takeWithin = time.Minute
)

// adopt takes in what was seen and says whether anything has changed by it.
func (g *Guard) adopt(ctx context.Context, seen []sight) (changed bool) {
	present := map[string]bool{}
	for _, s := range seen {
		id := s.found.AccessKeyID
		if id == "" || s.found.Profile == "" {
			continue // only a person deletes a download
		}
		present[id] = true
		t, of := g.tries[id], sha256.Sum256([]byte(s.found.Secret.Reveal()))
		if t.of == of && time.Now().Before(t.after) {
			continue
		}
		if t.of != of {
			t = try{of: of}
		}
		if err := g.takeIn(ctx, s.found); err != nil {
			if t.err = err; !errors.Is(err, errNotOpen) { // asking that costs nothing
				t.pause = min(max(firstPause, 2*t.pause), lastPause)
			}
			t.after = time.Now().Add(t.pause)
			g.tries[id] = t
			continue
		}
		delete(g.tries, id)
		changed = true
	}
	for id := range g.tries {
		if !present[id] {
			delete(g.tries, id)
		}
	}
	return changed
}

var errNotOpen = errors.New("the store is not open")

// takeIn goes the way of awskey init, step by step: into the store, our line into
// the config, a look at what is served, and only then the plaintext out.
func (g *Guard) takeIn(ctx context.Context, f awsfiles.Finding) error {
	ctx, cancel := context.WithTimeout(ctx, takeWithin)
	defer cancel()
	held, known := g.Daemon.Held()
	if !known {
		return errNotOpen
	}
	name := nameFor(f, held)
	if name == "" {
		return fmt.Errorf("%q cannot be the name of a key, or another one has it; type: awskey init --profile %s", f.Profile, quoted(f.Profile))
	}
	added, err := g.Daemon.Add(ctx, name, api.AddRequest{AccessKeyID: f.AccessKeyID, SecretAccessKey: f.Secret.Reveal()})
	if err != nil {
		return err
	}
	command, err := awsfiles.Command(g.Helper, name)
	if err != nil {
		return err
	}
	if _, err := g.Files.Point(f.Profile, command, f.Static); err != nil {
		return err
	}
	if err := g.serves(name, added.Key, f.Static); err != nil {
		return err
	}
	if _, err := g.Files.Scrub(f.Profile, f.Static); err != nil {
		return err
	}
	g.Tell(api.Event{Time: time.Now().UTC(), Key: name, Event: "adopted", AccessKeyID: f.AccessKeyID,
		Text: "access key " + short(f.AccessKeyID) + " was taken in from the AWS profile " + f.Profile + ", where it stood in plaintext"})
	return nil
}

// nameFor is the name of the key that holds the id already, else the AWS profile's
// own where neither a key nor a profile has it; "" for none.
func nameFor(f awsfiles.Finding, held Held) string {
	for _, k := range held.Keys {
		if k.AccessKeyID == f.AccessKeyID || k.Previous != nil && k.Previous.AccessKeyID == f.AccessKeyID {
			return k.Name
		}
	}
	taken := slices.ContainsFunc(held.Keys, func(k api.Key) bool { return strings.EqualFold(k.Name, f.Profile) }) ||
		slices.ContainsFunc(held.Profiles, func(p api.Profile) bool { return strings.EqualFold(p.Name, f.Profile) && p.Key != p.Name })
	if taken || !helper.ValidName(f.Profile) {
		return ""
	}
	return f.Profile
}

// serves sees that what programs will be handed out is that key, or a newer one of
// the same user.
func (g *Guard) serves(name string, k api.Key, key awsfiles.Static) error {
	body, err := g.Daemon.Credentials(name)
	defer clear(body)
	if err != nil {
		return err
	}
	var answer struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
	}
	switch err := json.Unmarshal(body, &answer); {
	case err != nil:
		return errors.New("what is handed out is not a key")
	case answer.AccessKeyID == key.AccessKeyID && key.Secret.Equal(secret.New(answer.SecretAccessKey)):
		return nil
	case answer.AccessKeyID == key.AccessKeyID:
		return errors.New("the store holds another secret of it than stands in plaintext")
	case answer.AccessKeyID == k.AccessKeyID:
		return nil
	}
	return errors.New("another access key is handed out")
}
