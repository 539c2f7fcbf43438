package keychain_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
	"github.com/awskeyd/awskeyd/store/storetest"
)

// wallets is a double of kwalletd5, whose real self cannot be opened without a
// person (its first call raises a wizard). It answers as org.kde.KWallet.xml and
// kwalletd.cpp of KDE Frameworks 5 say: what is refused looks empty.
type wallets struct {
	conn *dbus.Conn

	mu      sync.Mutex
	open    bool
	refuses bool // the person does not let us in
	handle  int32
	users   []string
	entries map[string][]byte
	opened  int // how often it was asked to open, which may prompt
}

func newWallets(t *testing.T, b *storetest.Bus, name string) *wallets {
	t.Helper()
	conn, err := dbus.Connect(b.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	w := &wallets{conn: conn, open: true, handle: 7, entries: map[string][]byte{}}
	err = conn.ExportMethodTable(map[string]any{
		"networkWallet": func() (string, *dbus.Error) { return "kdewallet", nil },
		"isOpen":        w.isOpen, "open": w.openIt, "users": w.usersOf,
		"readEntry": w.read, "writeEntry": w.write, "removeEntry": w.remove,
	}, "/modules/kwalletd5", "org.kde.KWallet")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	return w
}

// isOpen takes the name of a wallet, or a handle.
func (w *wallets) isOpen(which dbus.Variant) (bool, *dbus.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	handle, isHandle := which.Value().(int32)
	return w.open && (!isHandle || handle == w.handle), nil
}

func (w *wallets) openIt(_ string, _ int64, app string) (int32, *dbus.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opened++
	if w.refuses {
		return -1, nil
	}
	w.open = true
	if !slices.Contains(w.users, app) {
		w.users = append(w.users, app)
	}
	return w.handle, nil
}

func (w *wallets) usersOf(string) ([]string, *dbus.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.users...), nil
}

func (w *wallets) read(handle int32, _, key, _ string) ([]byte, *dbus.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if handle != w.handle {
		return []byte{}, nil
	}
	return append([]byte{}, w.entries[key]...), nil
}

func (w *wallets) write(handle int32, _, key string, value []byte, _ string) (int32, *dbus.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if handle != w.handle {
		return -1, nil
	}
	w.entries[key] = slices.Clone(value)
	return 0, nil
}

func (w *wallets) remove(handle int32, _, key, _ string) (int32, *dbus.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if handle != w.handle || w.entries[key] == nil {
		return -1, nil
	}
	delete(w.entries, key)
	return 0, nil
}

// become changes the wallet behind everybody's back.
func (w *wallets) become(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func kwallet() keychain.Config { return keychain.Config{Backend: keychain.KWallet} }

func TestKWallet(t *testing.T) {
	b := storetest.PrivateBus(t)
	if b.Rerun(t) {
		return
	}
	refused(t, kwallet(), store.ErrUnavailable, "not on the session bus")
	w := newWallets(t, b, "org.kde.kwalletd5")
	w.become(func() { w.open = false })
	k := open(t, kwallet()) // a closed one opens too
	everyCall(t, k, store.ErrLocked, `"kdewallet" is closed`)
	if w.opened != 0 {
		t.Fatal("the wallet was asked to open: that prompts")
	}
	if text, err := keychain.Probe(t.Context(), keychain.KWallet); err == nil || text != "kwallet: KDE's wallet answers on the session bus, kdewallet is closed" {
		t.Fatalf("%q, %v", text, err)
	}
	w.become(func() { w.refuses = true })
	fails(t, k.Unlock(t.Context()), store.ErrDenied, "dismissed")
	w.become(func() { w.refuses = false })
	done(t, k.Unlock(t.Context()))
	storetest.Conformance(t, func(*testing.T) store.Items { return k })
	set(t, k, "work.a", "one")
	if text, err := keychain.Probe(t.Context(), keychain.KWallet); err != nil || text != "kwallet: KDE's wallet answers on the session bus, kdewallet is open" {
		t.Fatalf("%q, %v", text, err)
	}
	w.become(func() { w.open = false; w.handle++ })
	everyCall(t, k, store.ErrLocked, "is closed")
	w.become(func() { w.open = true })
	get(t, k, "work.a", "one")

	w.become(func() { w.entries["awskeyd.work.a"] = []byte("SECRET of another program") })
	_, err := k.Get(t.Context(), "work.a")
	fails(t, err, store.ErrStranger, "")
}

// To who is refused the library says that there is nothing.
func TestKWalletThatDoesNotLetUsIn(t *testing.T) {
	b := storetest.PrivateBus(t)
	if b.Rerun(t) {
		return
	}
	w := newWallets(t, b, "org.kde.kwalletd5")
	w.become(func() { w.refuses = true })
	k := open(t, kwallet())
	_, err := k.Get(t.Context(), "work.a")
	fails(t, err, store.ErrDenied, "does not let awskeyd use")
	fails(t, over("one", k).Add(t.Context(), "work", []byte("one")), store.ErrDenied, "Access Control")
}

func TestKWalletOfAnotherGeneration(t *testing.T) {
	b := storetest.PrivateBus(t)
	if b.Rerun(t) {
		return
	}
	newWallets(t, b, "org.kde.kwalletd6")
	refused(t, kwallet(), store.ErrUnavailable, "choose secret-service")
}
