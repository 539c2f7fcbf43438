package secret

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What found no room in the arena is wiped as well when nobody refers to it.
func TestAValueOnTheHeapIsWipedToo(t *testing.T) {
	b := func() []byte { return New(strings.Repeat("x", slotSize+1)).held().b }()
	for end := time.Now().Add(5 * time.Second); bytes.Contains(b, []byte("x")); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it is still there")
		}
		runtime.GC()
	}
}
