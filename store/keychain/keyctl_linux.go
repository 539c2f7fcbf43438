package keychain

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"time"

	"github.com/99designs/keyring"
	"golang.org/x/sys/unix"

	"github.com/awskeyd/awskeyd/store"
)

// kernelRing is the name of our ring among those of the user.
var kernelRing = "awskeyd"

const (
	// userScope is seen by every login of the user, whatever session it has.
	userScope = "user"
	// kernelAccess lets every process of the user at our keys (keyctl(2),
	// KEYCTL_SETPERM): the kernel's default is the session that made them.
	kernelAccess = 0x3f3f0000
)

const remedyVolatile = "if that is what you want, write into the configuration below [store]: volatile = true"

// kernel is the backend keyctl: the kernel's own memory, gone at reboot.
type kernel struct{ ring int }

func (k *Keychain) openKeyctl(c Config) error {
	if !c.Volatile {
		return withRemedy(store.ErrDenied, "keyctl forgets every key when the machine restarts", remedyVolatile)
	}
	_, _, err := k.worker.run(context.Background(), nil, func(_ context.Context, begin func() error, _ []byte) ([]byte, error) {
		if err := kernelAnswers(); err != nil {
			return nil, err
		}
		if err := begin(); err != nil {
			return nil, err
		}
		defer oneThread()()
		ring, err := keyring.Open(keyring.Config{
			AllowedBackends: []keyring.BackendType{keyring.KeyCtlBackend},
			ServiceName:     kernelRing, KeyCtlScope: userScope, KeyCtlPerm: kernelAccess,
		})
		if err != nil { // whose reason the library keeps to itself
			return nil, withRemedy(store.ErrUnavailable, "the kernel makes no keyring for us", "see keyctl show @u, and /proc/key-users for a full quota")
		}
		id, err := findKernelRing()
		k.ring, k.back = filled{ring}, &kernel{id}
		return nil, err
	})
	return explain(err)
}

// kernelAnswers reports whether the kernel keeps keys for us at all: a container
// may forbid it.
func kernelAnswers() error {
	_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, false)
	if err != nil && !errors.Is(err, unix.ENOKEY) { // without any key it is made with the first
		return withRemedy(store.ErrUnavailable, "the kernel keeps no keys here: "+err.Error(), "choose another store; containers often forbid this one")
	}
	return nil
}

func findKernelRing() (int, error) {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "keyring", kernelRing, 0)
	if errors.Is(err, unix.ENOKEY) {
		return 0, withRemedy(store.ErrUnavailable, "the kernel's keyring "+kernelRing+" is gone, and its keys with it", "restart awskeyd and add the keys again")
	}
	return id, err
}

// ready makes sure that the ring is the one that was opened: in any other, and
// in one that is gone, the library finds nothing.
func (r *kernel) ready(context.Context) error {
	id, err := findKernelRing()
	if err == nil && id != r.ring {
		err = withRemedy(store.ErrUnavailable, "the kernel's keyring "+kernelRing+" is another one than before", "restart awskeyd")
	}
	return err
}

func (r *kernel) read(err error) error { return err }

func (r *kernel) wrote(string) {}

// sync has nothing to do: there is no disk, and nothing survives the machine.
func (r *kernel) sync() error { return nil }

func (r *kernel) close() {}

// filled keeps empty items where the kernel takes none, by one byte before each.
type filled struct{ keyring.Keyring }

const filling = '='

func (f filled) Get(key string) (keyring.Item, error) {
	item, err := f.Keyring.Get(key)
	data, ours := bytes.CutPrefix(item.Data, []byte{filling})
	if err == nil && !ours {
		clear(item.Data)
		return keyring.Item{}, store.ErrStranger
	}
	item.Data = data
	return item, err
}

func (f filled) Set(item keyring.Item) error {
	defer oneThread()()
	data := append([]byte{filling}, item.Data...)
	defer clear(data)
	item.Data = data
	err := f.Keyring.Set(item)
	for end := time.Now().Add(kernelPatience); full(err) && time.Now().Before(end); {
		time.Sleep(kernelPatience / 100)
		err = f.Keyring.Set(item)
	}
	if full(err) {
		err = refused{withRemedy(store.ErrUnavailable, "the kernel keeps 20,000 bytes and 200 keys of a user, and these are full", "remove keys of other programs (keyctl show @u), or choose another store")}
	}
	return err
}

// oneThread keeps what follows on one thread until the function that it returns
// is called: the library makes a key in the session's keyring and moves it from
// there, and where the login has none, each thread is given its own.
func oneThread() func() {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

// kernelPatience is how long a full ring may take to have room again: a key that
// was overwritten counts until the kernel gets to it.
const kernelPatience = 3 * time.Second

// full knows that the library puts the kernel's numbers into texts.
func full(err error) bool {
	return err != nil && strings.Contains(err.Error(), unix.EDQUOT.Error())
}

func probeKeyctl(context.Context) (string, error) {
	if err := kernelAnswers(); err != nil {
		return "", err
	}
	return "the kernel's memory, gone when the machine restarts; needs volatile = true below [store]", nil
}
