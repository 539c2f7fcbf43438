package keychain

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/awskeyd/awskeyd/store"
)

const (
	promptFace   = "org.freedesktop.Secret.Prompt"
	gnomeKeyring = "gnome-keyring"
	// prompter shows the prompts of gnome-keyring; it takes this name only where
	// there is a display, and keeps it for some seconds after.
	prompter = "org.gnome.keyring.SystemPrompter"

	remedyNoDisplay = "log in to the desktop, or give its password to the keyring's own program (gnome-keyring-daemon --unlock), then try again"
)

// unlock has the provider ask the person. The library cannot: it waits for ever,
// misses the answer, and takes a dismissed prompt for an open collection
// (go-libsecret, prompt.go).
func (s *secretService) unlock(ctx context.Context) error {
	if err := s.answers(ctx); err != nil {
		return err
	}
	if locked, err := s.locked(ctx); err != nil || !locked {
		return err
	}
	var unlocked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := s.call(ctx, s.conn.Object(provider, root), "org.freedesktop.Secret.Service.Unlock", []dbus.ObjectPath{s.collection}).Store(&unlocked, &prompt)
	if err != nil || prompt == "/" {
		return err
	}
	dismissed, err := s.show(ctx, prompt)
	if err != nil {
		return err
	}
	if locked, err := s.locked(ctx); err != nil || !locked {
		return err
	}
	if s.who(ctx, provider) == gnomeKeyring {
		if shown, err := s.owned(ctx, prompter); err == nil && !shown {
			return withRemedy(store.ErrLocked, "no prompt could be shown: the keyring has no display", remedyNoDisplay)
		}
	}
	if dismissed {
		return errDismissed
	}
	return withRemedy(store.ErrLocked, "the prompt was answered and the collection is locked still", remedyLocked)
}

// show raises a prompt and waits for its answer, until ctx ends and the prompt
// is taken away where that is safe, or the provider is gone.
func (s *secretService) show(ctx context.Context, prompt dbus.ObjectPath) (dismissed bool, err error) {
	signals := make(chan *dbus.Signal, 16)
	s.conn.Signal(signals)
	defer s.conn.RemoveSignal(signals)
	// Before the prompt, or its answer may come too soon to be heard.
	for _, rule := range [][]dbus.MatchOption{
		{dbus.WithMatchObjectPath(prompt), dbus.WithMatchInterface(promptFace), dbus.WithMatchMember("Completed")},
		{dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, provider)},
	} {
		if err := s.conn.AddMatchSignalContext(ctx, rule...); err != nil {
			return false, err
		}
		defer s.last(ctx, func(ctx context.Context) { s.conn.RemoveMatchSignalContext(ctx, rule...) })
	}
	object := s.conn.Object(provider, prompt)
	if err := s.call(ctx, object, promptFace+".Prompt", "").Err; err != nil {
		return false, err
	}
	for {
		select {
		case signal, open := <-signals:
			switch {
			case !open:
				return false, noBus()
			case signal.Name == "org.freedesktop.DBus.NameOwnerChanged":
				if len(signal.Body) == 3 && signal.Body[0] == provider {
					return false, withRemedy(store.ErrUnavailable, "the program that keeps secrets ended while it asked", remedyProvider)
				}
			case signal.Path == prompt && signal.Name == promptFace+".Completed":
				if len(signal.Body) > 0 {
					dismissed, _ = signal.Body[0].(bool)
				}
				return dismissed, nil
			}
		case <-ctx.Done():
			s.last(ctx, func(ctx context.Context) {
				// gnome-keyring 42 dies of a Dismiss (gkd-secret-unlock.c,
				// perform_next_unlock: assertion failed), and every program's
				// secrets are locked. Its prompt stays, and may be answered yet.
				if s.who(ctx, provider) != gnomeKeyring {
					s.call(ctx, object, promptFace+".Dismiss")
				}
			})
			return false, ctx.Err()
		}
	}
}

// last does something after ctx may have ended, and does not wait long for it.
func (s *secretService) last(ctx context.Context, do func(context.Context)) {
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	do(short)
}
