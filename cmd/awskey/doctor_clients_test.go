package main

import "testing"

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		version, since string
		want           bool
	}{
		{"1.8.0", "1.8.0", false}, {"1.7.48", "1.8.0", true}, {"1.10.1", "1.8.0", false}, {"2.4.5", "1.8.0", false},
		{"0.11.9", "0.11.14", true}, {"0.12", "0.11.14", false}, {"0.11", "0.11.14", true}, {"1.8.0.1", "1.8.0", false},
	} {
		if got := older(c.version, c.since); got != c.want {
			t.Errorf("%s older than %s: %v", c.version, c.since, got)
		}
	}
}
