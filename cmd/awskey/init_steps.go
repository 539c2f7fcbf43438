package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/store/failpoint"
	"github.com/awskeyd/awskeyd/store/secret"
)

const (
	// helperWithin is more than the helper promises to take, and what the most
	// impatient SDK gives it (aws-sdk-rust, identity cache).
	helperWithin = 5 * time.Second
	// opensWithin is how long init waits for a store that is being opened: the file
	// store's key takes seconds to derive on a slow machine.
	opensWithin = 30 * time.Second
	// beginsWithin is how long init waits for the first step of a rotation.
	beginsWithin = 20 * time.Second
)

// do carries the plan out. Where one key fails, its plaintext stays, and the others
// go on.
func (i *initing) do(ctx context.Context, p *initPlan) error {
	var failed error
	i.tell("\n")
	if p.manager != nil {
		in, err := i.install(ctx, p.manager)
		if err != nil {
			return err
		}
		i.tell("%s\n", in.text())
	}
	for _, m := range p.keys {
		err := i.moveIn(ctx, m)
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil:
			return err
		case failed != nil:
			i.note("%v", failed)
		}
		failed = err
		p.drop(m.name)
	}
	if failed == nil { // else a copy may be wanted yet
		if err := i.deleteCopies(p); err != nil {
			return err
		}
	}
	for _, name := range p.rotate {
		i.beginRotation(ctx, p, name)
	}
	if failed == nil {
		i.tell("\nNothing else is to be done. awskey status shows how the keys stand.\n")
	}
	return failed
}

// drop takes a key out of those that are to be rotated.
func (p *initPlan) drop(name string) {
	var rest []string
	for _, r := range p.rotate {
		if r != name {
			rest = append(rest, r)
		}
	}
	p.rotate = rest
}

// tell shows a step, unless a document is the answer.
func (i *initing) tell(format string, args ...any) {
	if !i.json {
		i.printf(format, args...)
	}
}

// moveIn takes one key from plaintext into the store. The plaintext goes last, when
// what the programs will run has shown that they lose nothing by it.
func (i *initing) moveIn(ctx context.Context, m *movingIn) error {
	t, err := i.target(m.name)
	if err != nil {
		return i.about(m, "is not taken in", err)
	}
	failpoint.At("init.taking")
	r, err := i.take(ctx, m)
	if err != nil {
		return i.about(m, "is not taken in", err)
	}
	failpoint.At("init.taken")
	m.user = r.Key.UserARN
	i.tell("%s  %s is in the store\n", m.name, short(m.key.AccessKeyID))
	for _, profile := range m.profiles {
		if _, err := i.files.Point(profile, t.command, m.key); err != nil {
			return i.about(m, "is in the store, but the AWS profile "+profile+" was not written", err)
		}
	}
	failpoint.At("init.pointed")
	if err := i.while("proving "+m.name, func() error { return i.prove(ctx, t, m) }); err != nil {
		return i.about(m, "is in the store, but not proved; its plaintext stays", err)
	}
	failpoint.At("init.proved")
	i.tell("%s  the helper serves it, and AWS takes it\n", m.name)
	for _, profile := range m.scrub {
		if _, err := i.files.Scrub(profile, m.key); err != nil {
			return i.about(m, "is served, but its plaintext stays in the AWS profile "+profile, err)
		}
	}
	if len(m.scrub) > 0 {
		i.tell("%s  its plaintext is out of the AWS files\n", m.name)
	}
	return nil
}

// about says of which key an error is, and keeps its code.
func (i *initing) about(m *movingIn, what string, err error) error {
	e := *asError(err)
	e.Message = m.name + " " + what + ": " + i.tilde(e.Message)
	return &e
}

// take puts the key into the store, which is chosen first where none is. A daemon
// that has just been started may still be opening it.
func (i *initing) take(ctx context.Context, m *movingIn) (api.AddResult, error) {
	request := api.AddRequest{AccessKeyID: m.key.AccessKeyID, SecretAccessKey: m.key.Secret.Reveal()}
	opened := time.Now().Add(opensWithin)
	for {
		var r api.AddResult
		err := i.while("taking "+m.name+" in", func() (err error) {
			r, err = i.daemon.Add(ctx, m.name, request)
			return err
		})
		switch {
		case isCode(err, "no-store"):
			if err := i.chooseStore(ctx); err != nil {
				return r, err
			}
		case isCode(err, "store-opening") && ctx.Err() == nil && time.Now().Before(opened): // each answer takes seconds
		default:
			return r, err
		}
	}
}

// prove runs the helper as every program will, and has AWS say that what it answers
// is that user's key. That key may be a newer one than the plaintext by now.
func (i *initing) prove(ctx context.Context, t target, m *movingIn) error {
	within, cancel := context.WithTimeout(ctx, helperWithin)
	defer cancel()
	out, err := exec.CommandContext(within, t.helper, m.name).Output()
	defer clear(out)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return &api.Error{Code: "helper-failed", Message: "the helper failed: " + oneLine(strings.TrimSpace(string(exit.Stderr))), Exit: helper.ExitFailed}
	}
	if err != nil {
		return &api.Error{Code: "helper-failed", Message: "could not run " + t.helper + ": " + err.Error(), Exit: helper.ExitFailed}
	}
	var answer struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
	}
	if json.Unmarshal(out, &answer) != nil || answer.AccessKeyID == "" {
		return &api.Error{Code: "helper-failed", Message: "what the helper answers is not a key", Exit: helper.ExitFailed}
	}
	if answer.AccessKeyID == m.key.AccessKeyID && !m.key.Secret.Equal(secret.New(answer.SecretAccessKey)) {
		return &api.Error{Code: "other-secret", Message: "the store holds another secret of " + short(answer.AccessKeyID) + " than stands in plaintext", Exit: helper.ExitFailed}
	}
	who, err := i.daemon.Identify(ctx, api.IdentifyRequest(answer))
	if err == nil && who.UserARN != m.user {
		err = &api.Error{Code: "other-user", Message: "the helper answers with a key of " + who.UserARN + ", not of " + m.user, Exit: helper.ExitFailed}
	}
	return err
}

// deleteCopies deletes the files that only repeat what is in the store now.
func (i *initing) deleteCopies(p *initPlan) error {
	for _, path := range p.copies {
		failpoint.At("init.deleting")
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		i.tell("deleted %s\n", printable(i.tilde(path)))
	}
	return nil
}

// beginRotation begins the first rotation of a key and waits for its first step, so
// that what holds it, such as a second key of the user, is told at once. It is no
// failure: the key is in, and served.
func (i *initing) beginRotation(ctx context.Context, p *initPlan, name string) {
	failpoint.At("init.rotating")
	var k api.Key
	err := i.while("beginning the first rotation of "+name, func() (err error) {
		k, err = i.daemon.Rotate(ctx, name, api.RotateRequest{})
		failpoint.At("init.rotated")
		if err == nil {
			k, err = i.firstStep(ctx, k)
		}
		return err
	})
	b := rotationBegun{key: name, phase: k.Phase}
	switch {
	case k.Hold != nil:
		b.hold = k.Hold.Code
		if !i.json {
			i.printf("\n")
			i.hold(k)
		}
	case err != nil:
		i.note("the first rotation of %s did not begin: %v", name, err)
	case k.Phase == "steady":
		i.tell("%s  its first rotation begins when AWS answers\n", name)
	default:
		i.tell("%s  its first rotation has begun\n", name)
	}
	p.begun = append(p.begun, b)
}

// firstStep looks at the key until its rotation has left the ground.
func (i *initing) firstStep(ctx context.Context, k api.Key) (api.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, beginsWithin)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for k.Phase == "steady" && k.Hold == nil {
		select {
		case <-ctx.Done():
			return k, nil
		case <-tick.C:
		}
		next, err := i.daemon.Key(ctx, k.Name)
		if err != nil {
			return k, err
		}
		k = next
	}
	return k, nil
}
