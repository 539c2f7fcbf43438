// Package storetest holds what tests of the store and of its users need: a
// keychain in memory, a faulty one, the conformance suite that every keychain
// must pass, and a real gnome-keyring to run against.
//
// It is for tests alone and must never be linked into a program.
package storetest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/awskeyd/awskeyd/store"
)

// Memory is a keychain in memory, safe for concurrent use. Its zero value is
// empty and ready.
type Memory struct {
	mu    sync.Mutex
	items map[string][]byte
}

// NewMemory returns an empty keychain.
func NewMemory() *Memory { return &Memory{} }

// Get implements store.Items.
func (m *Memory) Get(ctx context.Context, name string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if data, ok := m.Peek(name); ok {
		return data, nil
	}
	return nil, store.ErrAbsent
}

// Set implements store.Items.
func (m *Memory) Set(ctx context.Context, name string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(data) > store.MaxRecord {
		return fmt.Errorf("%w: %d bytes", store.ErrTooLarge, len(data))
	}
	m.Poke(name, data)
	return nil
}

// Remove implements store.Items.
func (m *Memory) Remove(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.items[name]; !ok {
		return store.ErrAbsent
	}
	delete(m.items, name)
	return nil
}

// Sync implements store.Items.
func (m *Memory) Sync(ctx context.Context) error { return ctx.Err() }

// Peek returns a copy of an item, as somebody beside the program sees it.
func (m *Memory) Peek(name string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.items[name]
	return bytes.Clone(data), ok
}

// Poke changes an item behind the program's back; nil data takes it away.
func (m *Memory) Poke(name string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.items == nil {
		m.items = map[string][]byte{}
	}
	if data == nil {
		delete(m.items, name)
		return
	}
	m.items[name] = append([]byte{}, data...)
}

// List returns the names of all items, sorted.
func (m *Memory) List() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.items))
}

// Clone returns a keychain with the same items.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{items: maps.Clone(m.items)} // data is never changed in place
}
