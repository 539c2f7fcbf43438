package keychain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/99designs/keyring"
	"github.com/godbus/dbus/v5"

	"github.com/awskeyd/awskeyd/store"
)

// The only generation of KDE's wallet that the library speaks to.
const (
	walletName   = "org.kde.kwalletd5"
	walletNewer  = "org.kde.kwalletd6"
	walletPath   = "/modules/kwalletd5"
	walletFace   = "org.kde.KWallet."
	walletApp    = "awskeyd" // as which KDE knows us, and our folder
	remedyWallet = "open the wallet (log in to the desktop, or start KWalletManager), then try again"
)

// wallet is the backend kwallet. The library opens the wallet by itself, with a
// prompt, and calls every item of one that it was refused not found: so the
// wallet must be open before, and ours after.
type wallet struct {
	bus
	disk
	name string // of the wallet that a log-in opens
	open func() error
}

func (k *Keychain) openKWallet(c Config) error {
	home, err := homeOf(c)
	if err != nil {
		return err
	}
	_, _, err = k.worker.run(context.Background(), nil, func(ctx context.Context, begin func() error, _ []byte) ([]byte, error) {
		w, err := findWallet(ctx)
		if err != nil {
			return nil, err
		}
		w.disk = home
		w.open = func() (err error) {
			if k.ring == nil {
				k.ring, err = keyring.Open(keyring.Config{
					AllowedBackends: []keyring.BackendType{keyring.KWalletBackend},
					ServiceName:     w.name, KWalletAppID: walletApp, KWalletFolder: walletApp,
				})
			}
			return err
		}
		k.back = w
		return nil, begin()
	})
	return explain(err)
}

func findWallet(ctx context.Context) (*wallet, error) {
	b, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	w := &wallet{bus: b}
	if err = w.answers(ctx); err == nil {
		err = w.ask(ctx, "networkWallet").Store(&w.name)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *wallet) ask(ctx context.Context, method string, args ...any) *dbus.Call {
	return w.call(ctx, w.conn.Object(walletName, walletPath), walletFace+method, args...)
}

// answers reports whether KDE's wallet is on the bus.
func (w *wallet) answers(ctx context.Context) error {
	owned, err := w.owned(ctx, walletName)
	if err != nil || owned {
		return err
	}
	if newer, err := w.owned(ctx, walletNewer); err == nil && newer {
		return withRemedy(store.ErrUnavailable, "the wallet here is KDE 6's, which speaks another language", "it is a Secret Service too: choose secret-service")
	}
	return withRemedy(store.ErrUnavailable, "KDE's wallet is not on the session bus", "log in to a KDE desktop, or choose another store")
}

func (w *wallet) ready(ctx context.Context) error {
	if err := w.answers(ctx); err != nil {
		return err
	}
	if err := w.isOpen(ctx); err != nil {
		return err
	}
	return w.open()
}

func (w *wallet) isOpen(ctx context.Context) error {
	var open bool
	err := w.ask(ctx, "isOpen", w.name).Store(&open)
	if err == nil && !open {
		err = withRemedy(store.ErrLocked, fmt.Sprintf("the wallet %q is closed", w.name), remedyWallet)
	}
	return err
}

// read doubts a "not found" while KDE does not count us among the wallet's users.
func (w *wallet) read(err error) error {
	if !absent(err) {
		return whole(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), walletPatience)
	defer cancel()
	var users []string
	if err := w.ask(ctx, "users", w.name).Store(&users); err != nil {
		return err
	}
	if !slices.Contains(users, walletApp) {
		return withRemedy(store.ErrDenied, fmt.Sprintf("KDE does not let %s use the wallet %q", walletApp, w.name), "allow it in System Settings, KDE Wallet, Access Control")
	}
	return err
}

const walletPatience = 5 * time.Second

func (w *wallet) wrote(string) {}

// unlock opens the wallet; KDE asks the person.
func (w *wallet) unlock(ctx context.Context) error {
	if err := w.answers(ctx); err != nil {
		return err
	}
	if err := w.isOpen(ctx); !errors.Is(err, store.ErrLocked) {
		return err
	}
	var handle int32
	err := w.ask(ctx, "open", w.name, int64(0), walletApp).Store(&handle)
	if err == nil && handle < 0 {
		return errDismissed
	}
	return err
}

func probeKWallet(ctx context.Context) (string, error) {
	w, err := findWallet(ctx)
	if err != nil {
		return "", err
	}
	defer w.close()
	err = w.isOpen(ctx)
	switch {
	case err == nil:
		return fmt.Sprintf("KDE's wallet answers on the session bus, %s is open", w.name), nil
	case errors.Is(err, store.ErrLocked):
		return fmt.Sprintf("KDE's wallet answers on the session bus, %s is closed", w.name), err
	}
	return "", err
}
