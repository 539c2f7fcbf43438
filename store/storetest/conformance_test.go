package storetest_test

import (
	"testing"

	"github.com/awskeyd/awskeyd/store"
	"github.com/awskeyd/awskeyd/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Conformance(t, func(*testing.T) store.Items { return storetest.NewMemory() })
}

func TestFaultyWithoutFaults(t *testing.T) {
	storetest.Conformance(t, func(*testing.T) store.Items { return storetest.NewFaulty() })
}
