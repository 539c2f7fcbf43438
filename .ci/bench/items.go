//go:build linux

package main

import (
	"context"
	"sync"

	"github.com/awskeyd/awskeyd/store"
)

// memory is a keychain without anything beneath.
type memory struct {
	mu    sync.Mutex
	items map[string][]byte
}

func (m *memory) Get(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if data, ok := m.items[name]; ok {
		return append([]byte(nil), data...), nil
	}
	return nil, store.ErrAbsent
}

func (m *memory) Set(_ context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items[name] = append([]byte(nil), data...)
	return nil
}

func (m *memory) Remove(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.items[name]; !ok {
		return store.ErrAbsent
	}
	delete(m.items, name)
	return nil
}

func (m *memory) Sync(context.Context) error { return nil }
