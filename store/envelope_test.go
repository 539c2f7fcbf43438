package store

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func sample() envelope {
	return envelope{"work", 1, 42, "machine-1", "instance.2", []byte(`{"payload":"with a
line end"}`), false}
}

func TestEveryFlippedBitIsSeen(t *testing.T) {
	data := sample().encode()
	for i := range data {
		for bit := range 8 {
			data[i] ^= 1 << bit
			if _, err := decode(data); !errors.Is(err, ErrDamaged) {
				t.Fatalf("byte %d, bit %d: %v, want damaged", i, bit, err)
			}
			data[i] ^= 1 << bit
		}
	}
}

func TestEveryTruncationIsSeen(t *testing.T) {
	data := sample().encode()
	for n := range data {
		if _, err := decode(data[:n]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("first %d of %d bytes: %v, want damaged", n, len(data), err)
		}
		if !torn(data[:n]) {
			t.Fatalf("first %d bytes are not known as ours", n)
		}
	}
	if _, err := decode(append(data, 0)); !errors.Is(err, ErrDamaged) {
		t.Fatal("an extra byte goes unseen")
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	head := "awskeyd2 anything at all "
	data := append([]byte(head+sum([]byte(head), []byte("payload"))+"\n"), "payload"...)
	if _, err := decode(data); !errors.Is(err, ErrNewer) {
		t.Fatalf("%v, want newer", err)
	}
}

func TestLargestEnvelopeFits(t *testing.T) {
	e := envelope{strings.Repeat("n", maxName), 0, seqLimit - 1, strings.Repeat("m", idLength), strings.Repeat("i", idLength), make([]byte, MaxPayload), false}
	data := e.encode()
	if len(data) > MaxRecord || len(data) < MaxRecord-2 {
		t.Fatalf("the largest envelope has %d bytes, at most and nearly %d wanted", len(data), MaxRecord)
	}
	if _, err := decode(data); err != nil {
		t.Fatal(err)
	}
}

// The identity of the caller goes into a header line; any text must do.
func TestShortID(t *testing.T) {
	for _, text := range []string{"", "a b", "line\nend", strings.Repeat("x", 33), "é", "0123456789abcdef"} {
		if id := shortID(text); !validID(id) {
			t.Errorf("%q became %q", text, id)
		}
	}
	if shortID("0123456789abcdef") != "0123456789abcdef" {
		t.Error("a fitting id was changed")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(sample().encode())
	f.Add([]byte(""))
	f.Add([]byte("awskeyd1 work a 1 m i \n"))
	f.Add([]byte("awskeyd9 x " + sum([]byte("awskeyd9 x "), nil) + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decode(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if !bytes.Equal(e.encode(), data) {
			t.Fatal("what was decoded does not encode to the same bytes")
		}
	})
}

// FuzzEnvelope holds that any payload under any valid header survives, and that
// no change of one byte does.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte("payload"), uint64(7), 3, byte(1))
	f.Add([]byte{}, uint64(1), 0, byte(255))
	f.Fuzz(func(t *testing.T, payload []byte, seq uint64, at int, xor byte) {
		e := sample()
		e.payload, e.seq = payload, seq%(seqLimit-1)+1
		data := e.encode()
		got, err := decode(data)
		if err != nil || got.seq != e.seq || !bytes.Equal(got.payload, payload) || got.name != e.name || got.slot != e.slot || got.machine != e.machine || got.instance != e.instance {
			t.Fatalf("came back as %+v, %v", got, err)
		}
		if at >= 0 && at < len(data) && xor != 0 {
			data[at] ^= xor
			if _, err := decode(data); err == nil {
				t.Fatalf("byte %d changed by %#x goes unseen", at, xor)
			}
		}
	})
}

func FuzzPage(f *testing.F) {
	f.Add([]byte(lastLine))
	f.Add([]byte(moreLine + " moving secret-service\nwork"))
	f.Add([]byte(lastLine + " moved file"))
	f.Add([]byte(moreLine + "\nwork\n+new\n-old\na>b\nb<a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePage(data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if !bytes.Equal(p.encode(), data) {
			t.Fatal("what was parsed does not encode to the same bytes")
		}
	})
}

// A page that is full of the longest names must leave room for a rename.
func TestRenameFitsOnAFullPage(t *testing.T) {
	long := strings.Repeat("n", maxName)
	var p page
	for range perPage {
		p.entries = append(p.entries, entry{name: long})
	}
	p.more = true
	p.entries[0] = entry{long, copying, long}
	if n := len(p.encode()); n > MaxPayload {
		t.Fatalf("%d bytes, at most %d fit", n, MaxPayload)
	}
}
