package main

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/keychain"
)

// The configuration and the keychains are rooms that do not know each other.
func TestTheConfigurationNamesTheBackendsThereAre(t *testing.T) {
	if there, named := keychain.Backends(), config.Backends(); !slices.Equal(there, named) {
		t.Fatalf("there are %q, the configuration takes %q", there, named)
	}
}

func TestARemedyStandsApart(t *testing.T) {
	err := fmt.Errorf("%w: nobody is there; log in", store.ErrUnavailable)
	if b := found("pass", "pass: nobody is there; log in", err); b.Text != "nobody is there" || b.Remedy != "log in" || b.Available {
		t.Errorf("%+v", b)
	}
	if b := found("pass", "pass: it is locked", fmt.Errorf("%w: unlock it; show an item", store.ErrLocked)); b.Text != "it is locked" || b.Remedy != "show an item" {
		t.Errorf("%+v", b)
	}
	if b := found("pass", "pass: here; and well", nil); b.Text != "here; and well" || b.Remedy != "" || !b.Available {
		t.Errorf("%+v", b)
	}
	if b := found("pass", "pass: odd", errors.New("odd")); b.Text != "odd" || b.Remedy != "" {
		t.Errorf("%+v", b)
	}
}
