package awstest

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"
	"time"
)

// The states of a key.
const (
	Active   = "Active"
	Inactive = "Inactive"
)

// account is the state of the emulated AWS; Server.mu guards it.
type account struct {
	opts  Options
	ids   io.Reader
	root  *user
	users map[string]*user // by name
	keys  map[string]*key  // by id; deleted ones stay, for the replicas that lag

	trail  trail
	alarms map[string]alarm // by name
}

type user struct {
	name, path, id, arn string // root has no name
	created             time.Time
	policy              Policy
	keys                []*key // in order of creation, deleted ones too
}

// key is an access key, or the temporary credentials of a session.
type key struct {
	id, secret string
	user       *user
	created    time.Time // whole seconds
	changes    []change
	uses       []use
	session    *session // nil for a long-term key
}

type session struct {
	token   string
	expires time.Time
	mfa     bool
}

// use is a signed request as GetAccessKeyLastUsed tells it.
type use struct {
	at      time.Time
	service Service
	region  string
}

func newAccount(o Options, ids io.Reader) *account {
	a := &account{opts: o, ids: ids, users: map[string]*user{}, keys: map[string]*key{}, alarms: map[string]alarm{}}
	a.root = &user{
		id:      o.Account,
		arn:     "arn:aws:iam::" + o.Account + ":root",
		created: a.second(),
	}
	return a
}

// second is AWS's time as AWS writes it: whole seconds.
func (a *account) second() time.Time {
	return a.opts.Clock().UTC().Truncate(time.Second)
}

func (a *account) addUser(name, path string, p Policy) *user {
	u := &user{
		name:    name,
		path:    path,
		id:      "AIDA" + a.random32(17),
		arn:     "arn:aws:iam::" + a.opts.Account + ":user" + path + name,
		created: a.second(),
		policy:  p,
	}
	a.users[name] = u
	return u
}

// addKey makes a key that replicas know from since on.
func (a *account) addKey(u *user, since time.Time) *key {
	k := &key{
		id:      "AKIA" + a.random32(16),
		secret:  a.random64(40),
		user:    u,
		created: a.second(),
		changes: []change{{since, Active}},
	}
	u.keys = append(u.keys, k)
	a.keys[k.id] = k
	return k
}

// live returns the keys of u that the primary has, active or not.
func (a *account) live(u *user) []*key {
	return u.keysAt(a.opts.Clock())
}

// keysAt returns the keys of u as a replica lists them that knows everything up to t.
func (u *user) keysAt(t time.Time) []*key {
	var list []*key
	for _, k := range u.keys {
		if k.statusAt(t) != "" {
			list = append(list, k)
		}
	}
	return list
}

func (k *key) set(status string, now time.Time) {
	k.changes = append(k.changes, change{now, status})
}

// used notes a signed request. Within a grain only the first one counts, as in
// the credential report (IAM user guide, "Getting credential reports").
func (k *key) used(u use, o Options) {
	if n := len(k.uses); n > 0 && u.at.Before(k.uses[n-1].at.Add(o.LastUsedGrain)) {
		return
	}
	k.uses = append(k.uses, u)
}

// published returns the last use that is told at now, or nil.
func (k *key) published(now time.Time, o Options) *use {
	for i := len(k.uses) - 1; i >= 0; i-- {
		if !k.uses[i].at.Add(o.LastUsedLag).After(now) {
			return &k.uses[i]
		}
	}
	return nil
}

// random32 returns n characters of A-Z2-7, the alphabet of AWS's ids.
func (a *account) random32(n int) string {
	return base32.StdEncoding.EncodeToString(a.random(n))[:n]
}

// random64 returns n characters of the base64 alphabet, as secrets have.
func (a *account) random64(n int) string {
	return base64.StdEncoding.EncodeToString(a.random(n))[:n]
}

func (a *account) random(n int) []byte {
	b := make([]byte, n)
	io.ReadFull(a.ids, b) // ChaCha8 does not fail
	return b
}

func (a *account) requestID() string {
	h := hex.EncodeToString(a.random(16))
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
