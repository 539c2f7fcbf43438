package awstest

import (
	"fmt"
	"strings"
	"time"
)

// Root names the account's root user where a method takes a user's name.
const Root = ":root"

// Key is a key as the primary knows it.
type Key struct {
	ID      string
	Status  string    // Active or Inactive
	Created time.Time // whole seconds
}

// Session is a set of temporary credentials.
type Session struct {
	ID, Secret, Token string
	Expires           time.Time
}

// CreateUser makes an IAM user and returns its ARN. An empty path is "/". It
// panics if the name is taken: a test's mistake.
func (s *Server) CreateUser(name, path string, p Policy) (arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.account.users[name] != nil {
		panic("awstest: user " + name + " exists already")
	}
	if path == "" {
		path = "/"
	}
	return s.account.addUser(name, path, p).arn
}

// SetPolicy replaces a user's policy, everywhere at once.
func (s *Server) SetPolicy(name string, p Policy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.user(name).policy = p
}

// RenameUser gives a user another name and so another ARN, as UpdateUser does;
// its keys keep working.
func (s *Server) RenameUser(name, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(name)
	if u == s.account.root || s.account.users[to] != nil {
		panic("awstest: user " + name + " cannot be renamed to " + to)
	}
	delete(s.account.users, name)
	u.name, u.arn = to, strings.TrimSuffix(u.arn, name)+to
	s.account.users[to] = u
}

// DeleteUser deletes a user with all keys and sessions, as the console does:
// replicas follow after their delays.
func (s *Server) DeleteUser(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(name)
	if u == s.account.root {
		panic("awstest: root cannot be deleted")
	}
	for _, k := range s.account.keys {
		if k.user == u {
			k.set("", s.opts.Clock())
		}
	}
	delete(s.account.users, name)
}

// IssueKey makes a key that every replica knows at once, as if it were old. It
// panics if the user has two already.
func (s *Server) IssueKey(name string) (id, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(name)
	if len(s.account.live(u)) >= keysPerUser {
		panic("awstest: user " + name + " has two keys already")
	}
	k := s.account.addKey(u, time.Time{})
	return k.id, k.secret
}

// IssueSession gives temporary credentials of a user, as GetSessionToken does
// with an MFA code or without, that end after d.
func (s *Server) IssueSession(name string, mfa bool, d time.Duration) Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.account
	k := &key{
		id:      "ASIA" + a.random32(16),
		secret:  a.random64(40),
		user:    s.user(name),
		created: a.second(),
		changes: []change{{time.Time{}, Active}},
		session: &session{token: a.random64(120), expires: a.second().Add(d), mfa: mfa},
	}
	a.keys[k.id] = k
	return Session{ID: k.id, Secret: k.secret, Token: k.session.token, Expires: k.session.expires}
}

// SetStatus makes a key Active or Inactive, as an administrator would: replicas
// follow after their delays.
func (s *Server) SetStatus(id, status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key(id).set(status, s.opts.Clock())
}

// DeleteKey deletes a key, as an administrator would: replicas follow after
// their delays.
func (s *Server) DeleteKey(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key(id).set("", s.opts.Clock())
}

// Keys returns the keys of a user in order of creation, as the primary has them.
func (s *Server) Keys(name string) []Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Key
	for _, k := range s.account.live(s.user(name)) {
		list = append(list, Key{ID: k.id, Status: k.statusAt(s.opts.Clock()), Created: k.created})
	}
	return list
}

// Secret returns the secret of any key ever issued, deleted ones too, so that a
// test can search for it where it must not be.
func (s *Server) Secret(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.account.keys[id]
	if k == nil {
		panic(fmt.Sprintf("awstest: key %s was never issued", id))
	}
	return k.secret
}

// user finds a user by name or panics; s.mu is held.
func (s *Server) user(name string) *user {
	if name == Root {
		return s.account.root
	}
	u := s.account.users[name]
	if u == nil {
		panic("awstest: there is no user " + name)
	}
	return u
}

// key finds a long-term key that is not deleted or panics; s.mu is held.
func (s *Server) key(id string) *key {
	k := s.account.keys[id]
	if k == nil || k.session != nil || k.statusAt(s.opts.Clock()) == "" {
		panic("awstest: there is no key " + id)
	}
	return k
}
