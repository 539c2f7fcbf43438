package storetest

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
)

// Provider is a double of a program that keeps secrets, for what real ones do
// too slowly or too seldom to wait for. It can answer a write as
// KeePassXC does (src/fdosecrets/objects/Collection.cpp, createItem): by a prompt
// whose end it tells to everybody who asked for such signals. go-libsecret never
// asks, and so never returns.
type Provider struct {
	t    testing.TB
	conn *dbus.Conn

	mu      sync.Mutex
	items   map[dbus.ObjectPath]*doubleItem
	prompts int
	locked  *prop.Properties
	late    []func() // writes that wait for Land
	when    Landing
	answer  Answer
	shown   int // prompts to unlock that were raised
	gone    int // and taken away
	hung    int // writes that were answered by a prompt
}

// Landing says how a Provider takes a write.
type Landing int

// The ways of a write.
const (
	Plainly  Landing = iota // answered without a prompt, as gnome-keyring does
	Silently                // it lands, and the caller never hears of it, as with KeePassXC
	Later                   // the same, and it lands only when Land is called
)

// Answer is what the person before a Provider does about a prompt to unlock.
type Answer int

// The answers.
const (
	Nobody    Answer = iota // the prompt stays
	Answered                // and the collection is unlocked
	Dismissed               // and it stays locked
)

type doubleItem struct {
	profile string
	secret  doubleSecret
}

type doubleSecret struct {
	Session           dbus.ObjectPath
	Parameters, Value []byte
	ContentType       string
}

const (
	serviceFace    = "org.freedesktop.Secret.Service"
	collectionFace = "org.freedesktop.Secret.Collection"
	itemFace       = "org.freedesktop.Secret.Item"
	doublePromptID = "org.freedesktop.Secret.Prompt"
	noPath         = dbus.ObjectPath("/")
)

// NewProvider puts a Provider onto a bus, in this process, with an empty and
// unlocked collection "login".
func NewProvider(b *Bus) *Provider {
	b.t.Helper()
	conn, err := dbus.Connect(b.Address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	p := &Provider{t: b.t, conn: conn, items: map[dbus.ObjectPath]*doubleItem{}}
	_, err = prop.Export(conn, keyringRoot, prop.Map{serviceFace: {
		"Collections": {Value: []dbus.ObjectPath{keyringLogin}, Emit: prop.EmitFalse},
	}})
	p.must(err)
	p.locked, err = prop.Export(conn, keyringLogin, prop.Map{collectionFace: {
		"Locked": {Value: false, Emit: prop.EmitFalse},
	}})
	p.must(err)
	p.must(conn.Export(doubleService{p}, keyringRoot, serviceFace))
	p.must(conn.Export(doubleCollection{p}, keyringLogin, collectionFace))
	if reply, err := conn.RequestName(keyringName, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		b.t.Fatalf("the double does not get its name: %v, %v", reply, err)
	}
	return p
}

func (p *Provider) must(err error) {
	if err != nil {
		p.t.Fatal(err)
	}
}

// Writes says when writes land from now on.
func (p *Provider) Writes(when Landing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.when = when
}

// Person says what happens to prompts from now on.
func (p *Provider) Person(a Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = a
}

// Land lets every late write land, and returns how many.
func (p *Provider) Land() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.late)
	for _, write := range p.late {
		write()
	}
	p.late = nil
	return n
}

// Lock locks the collection.
func (p *Provider) Lock() { p.setLocked(true) }

func (p *Provider) setLocked(locked bool) {
	p.locked.SetMust(collectionFace, "Locked", locked)
}

func (p *Provider) isLocked() bool {
	return p.locked.GetMust(collectionFace, "Locked").(bool)
}

// Items returns what is kept, by name.
func (p *Provider) Items() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]string{}
	for item := range maps.Values(p.items) {
		all[item.profile] = string(item.secret.Value)
	}
	return all
}

// Prompts returns how many prompts to unlock were raised and taken away.
func (p *Provider) Prompts() (raised, dismissed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown, p.gone
}

// Hung returns how many writes were answered by a prompt.
func (p *Provider) Hung() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hung
}

// Leave takes the program off the bus.
func (p *Provider) Leave() { p.conn.Close() }

// prompt makes an object that does something when it is raised.
func (p *Provider) prompt(raised func(dbus.ObjectPath)) dbus.ObjectPath {
	p.prompts++
	path := dbus.ObjectPath(fmt.Sprintf("%s/prompt/p%d", keyringRoot, p.prompts))
	p.must(p.conn.Export(&doublePrompt{p, path, raised}, path, doublePromptID))
	return path
}

func (p *Provider) completed(path dbus.ObjectPath, dismissed bool, result any) {
	p.conn.Emit(path, doublePromptID+".Completed", dismissed, dbus.MakeVariant(result))
}

type doublePrompt struct {
	p      *Provider
	path   dbus.ObjectPath
	raised func(dbus.ObjectPath)
}

// Prompt is raised by whoever asked.
func (d *doublePrompt) Prompt(string) *dbus.Error {
	go d.raised(d.path) // the answer to the call goes first, as from a real one
	return nil
}

// Dismiss takes it away.
func (d *doublePrompt) Dismiss() *dbus.Error {
	d.p.mu.Lock()
	defer d.p.mu.Unlock()
	d.p.gone++
	d.p.completed(d.path, true, "")
	return nil
}

type doubleService struct{ p *Provider }

// OpenSession knows plain sessions alone.
func (s doubleService) OpenSession(algorithm string, _ dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	if algorithm != "plain" {
		return dbus.MakeVariant(""), noPath, dbus.MakeFailedError(errors.New("only plain sessions"))
	}
	return dbus.MakeVariant(""), keyringRoot + "/session/s1", nil
}

// ReadAlias has one collection for every name.
func (s doubleService) ReadAlias(string) (dbus.ObjectPath, *dbus.Error) { return keyringLogin, nil }

// Unlock asks the person.
func (s doubleService) Unlock([]dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	p := s.p
	if !p.isLocked() {
		return []dbus.ObjectPath{keyringLogin}, noPath, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return []dbus.ObjectPath{}, p.prompt(func(path dbus.ObjectPath) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.shown++
		switch p.answer {
		case Answered:
			p.setLocked(false)
			p.completed(path, false, []dbus.ObjectPath{keyringLogin})
		case Dismissed:
			p.completed(path, true, []dbus.ObjectPath{})
		}
	}), nil
}

type doubleCollection struct{ p *Provider }

func (c doubleCollection) SearchItems(attributes map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	found := []dbus.ObjectPath{}
	for path, item := range c.p.items {
		if item.profile == attributes["profile"] {
			found = append(found, path)
		}
	}
	return found, nil
}

func (c doubleCollection) CreateItem(properties map[string]dbus.Variant, secret doubleSecret, _ bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	p := c.p
	attributes, ok := properties[itemFace+".Attributes"].Value().(map[string]string)
	if !ok || attributes["profile"] == "" {
		return noPath, noPath, dbus.MakeFailedError(errors.New("an item without attributes"))
	}
	profile := attributes["profile"]
	p.mu.Lock()
	defer p.mu.Unlock()
	path := dbus.ObjectPath(fmt.Sprintf("%s/i%x", keyringLogin, profile))
	write := func() {
		if p.items[path] == nil {
			item := &doubleItem{profile: profile}
			p.items[path] = item
			_, err := prop.Export(p.conn, path, prop.Map{itemFace: {"Locked": {Value: false, Emit: prop.EmitFalse}}})
			p.must(err)
			p.must(p.conn.Export(doubleItemObject{p, path}, path, itemFace))
		}
		p.items[path].secret = secret
	}
	if p.when == Plainly {
		write()
		return path, noPath, nil
	}
	p.hung++
	return noPath, p.prompt(func(prompt dbus.ObjectPath) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.when == Later {
			p.late = append(p.late, write)
			return
		}
		write()
		p.completed(prompt, false, path)
	}), nil
}

type doubleItemObject struct {
	p    *Provider
	path dbus.ObjectPath
}

func (i doubleItemObject) GetSecret(session dbus.ObjectPath) (doubleSecret, *dbus.Error) {
	i.p.mu.Lock()
	defer i.p.mu.Unlock()
	item := i.p.items[i.path]
	if item == nil {
		return doubleSecret{}, dbus.MakeFailedError(errors.New("no such secret item"))
	}
	secret := item.secret
	secret.Session = session
	return secret, nil
}

func (i doubleItemObject) Delete() (dbus.ObjectPath, *dbus.Error) {
	i.p.mu.Lock()
	defer i.p.mu.Unlock()
	delete(i.p.items, i.path)
	return noPath, nil
}
