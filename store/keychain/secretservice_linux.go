package keychain

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/99designs/keyring"
	"github.com/godbus/dbus/v5"

	"github.com/awskeyd/awskeyd/store"
)

const (
	provider    = "org.freedesktop.secrets"
	root        = "/org/freedesktop/secrets"
	collections = root + "/collection/"
	// login is the collection that a desktop unlocks at log-in and that
	// gnome-keyring makes without a prompt. Any other name that does not exist
	// yet would make the library ask for one to be created, with a prompt.
	login = "login"
)

// secretService asks the provider, over a connection of its own and without
// ever starting one, what the library would find out by hanging.
type secretService struct {
	bus
	disk
	collection dbus.ObjectPath
}

func (k *Keychain) openSecretService(c Config) error {
	home, err := homeOf(c)
	if err != nil {
		return err
	}
	_, _, err = k.worker.run(context.Background(), nil, func(ctx context.Context, begin func() error, _ []byte) ([]byte, error) {
		b, err := connect(ctx)
		if err != nil {
			return nil, err
		}
		s := &secretService{bus: b, disk: home}
		name, err := s.resolve(ctx)
		if err == nil {
			err = begin()
		}
		if err == nil {
			k.ring, err = keyring.Open(keyring.Config{
				AllowedBackends: []keyring.BackendType{keyring.SecretServiceBackend},
				ServiceName:     "awskeyd", LibSecretCollectionName: name,
			})
		}
		if err != nil {
			s.close()
			return nil, err
		}
		k.back = s
		return nil, nil
	})
	return explain(err)
}

// answers reports whether a provider is on the bus.
func (s *secretService) answers(ctx context.Context) error {
	owned, err := s.owned(ctx, provider)
	if err == nil && !owned {
		return withRemedy(store.ErrUnavailable, "no program on the session bus keeps secrets", remedyProvider)
	}
	return err
}

// resolve finds the collection: login, else the one that the user made the
// default. It returns the name by which the library finds the same one.
func (s *secretService) resolve(ctx context.Context) (string, error) {
	if err := s.answers(ctx); err != nil {
		return "", err
	}
	var there []dbus.ObjectPath
	if err := s.property(ctx, provider, root, "org.freedesktop.Secret.Service", "Collections", &there); err != nil {
		return "", err
	}
	for _, path := range there {
		if path == collections+login {
			s.collection = path
			return login, nil
		}
	}
	var path dbus.ObjectPath
	if err := s.call(ctx, s.conn.Object(provider, root), "org.freedesktop.Secret.Service.ReadAlias", "default").Store(&path); err != nil {
		return "", err
	}
	name, ok := strings.CutPrefix(unescape(string(path)), collections)
	if !ok || name == "" {
		return "", withRemedy(store.ErrUnavailable, "the keychain has no collection \"login\" and no default one",
			"log in to the desktop once, or make one in \"Passwords and Keys\"")
	}
	s.collection = path
	return name, nil
}

// unescape undoes the _xx of object paths as the library does, so that it finds
// the collection by the name made from it.
func unescape(path string) string {
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] == '_' {
			if i+3 > len(path) {
				return path
			}
			b, err := strconv.ParseUint(path[i+1:i+3], 16, 8)
			if err != nil {
				return path
			}
			out.WriteByte(byte(b))
			i += 2
			continue
		}
		out.WriteByte(path[i])
	}
	return out.String()
}

func (s *secretService) ready(ctx context.Context) error {
	if err := s.answers(ctx); err != nil {
		return err
	}
	locked, err := s.locked(ctx)
	if err == nil && locked {
		err = withRemedy(store.ErrLocked, fmt.Sprintf("the collection %q is locked", s.name()), remedyLocked)
	}
	return err
}

func (s *secretService) locked(ctx context.Context) (bool, error) {
	var locked bool
	err := s.property(ctx, provider, s.collection, "org.freedesktop.Secret.Collection", "Locked", &locked)
	var gone dbus.Error
	if errors.As(err, &gone) && (strings.HasSuffix(gone.Name, ".UnknownObject") || strings.HasSuffix(gone.Name, ".UnknownMethod")) {
		return false, withRemedy(store.ErrUnavailable, fmt.Sprintf("the collection %q is gone", s.name()), remedyProvider)
	}
	return locked, err
}

func (s *secretService) name() string {
	return strings.TrimPrefix(unescape(string(s.collection)), collections)
}

func (s *secretService) read(err error) error { return whole(err) }

func (s *secretService) wrote(string) {}

func probeSecretService(ctx context.Context) (string, error) {
	b, err := connect(ctx)
	if err != nil {
		return "", err
	}
	s := &secretService{bus: b}
	defer s.close()
	if _, err := s.resolve(ctx); err != nil {
		return "", err
	}
	locked, err := s.locked(ctx)
	if err != nil {
		return "", err
	}
	state := "unlocked"
	if locked {
		state = "locked"
		err = withRemedy(store.ErrLocked, fmt.Sprintf("the collection %q is locked", s.name()), remedyLocked)
	}
	return fmt.Sprintf("%s answers on the session bus, collection %s is %s", s.who(ctx, provider), s.name(), state), err
}
