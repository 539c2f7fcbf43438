package passphrase

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		says string
		data string
		err  error
	}{
		{"OK\n", "", nil},
		{"OK Pleased to meet you\n", "", nil},
		{"S PIN_REPEATED\n# comment\n#comment\nD secret\nOK\n", "secret", nil},
		{"D one \nD  two\nOK\n", "one  two", nil},
		{"D 100%25 %0a%0D%C3%bc\nOK\n", "100% \n\r\u00fc", nil},
		{"D \nOK\n", "", nil},
		{"D\nOK\n", "", nil},
		{"ERR 83886179 Operation cancelled <Pinentry>\n", "", refusal(83886179)},
		{"ERR 62\n", "", refusal(62)},
		{"D " + strings.Repeat("x", maxLine-3) + "\nOK\n", strings.Repeat("x", maxLine-3), nil},
		{"D " + strings.Repeat("x", maxLine-2) + "\nOK\n", "", errGarbage},
		{strings.Repeat("D "+strings.Repeat("x", 900)+"\n", 3) + "OK\n", "*", errGarbage},
		{strings.Repeat("S still here\n", maxLines) + "OK\n", "", errGarbage},
		{"D %2\nOK\n", "*", errGarbage},
		{"D %\nOK\n", "*", errGarbage},
		{"D %G0\nOK\n", "*", errGarbage},
		{"ERR\n", "", errGarbage},
		{"ERR -1\n", "", errGarbage},
		{"ERR 4294967296\n", "", errGarbage},
		{"INQUIRE SECRET\n", "", errGarbage},
		{"OKAY\n", "", errGarbage},
		{"\n", "", errGarbage},
		{"", "", errGone},
		{"D secret\n", "*", errGone},
		{"OK", "", errGone},
	} {
		for _, reader := range []io.Reader{strings.NewReader(c.says), iotest.OneByteReader(strings.NewReader(c.says)), iotest.DataErrReader(strings.NewReader(c.says))} {
			var sent bytes.Buffer
			tk := &talk{in: &sent, out: reader}
			got, err := tk.ask("GETPIN", make([]byte, 0, maxSecret))
			if !errors.Is(err, c.err) || c.data != "*" && string(got) != c.data || sent.String() != "GETPIN\n" {
				t.Errorf("%.40q: %.40q, %v; want %.40q, %v", c.says, got, err, c.data, c.err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%v tells what it must not", err)
			}
			tk.wipe()
			if tk.buf != [maxLine]byte{} {
				t.Errorf("%.40q: something is left in the buffer", c.says)
			}
		}
	}
}

func TestWhatWasReadIsNotKept(t *testing.T) {
	tk := &talk{in: io.Discard, out: strings.NewReader("D the secret\nOK\nOK\n")}
	for range 2 {
		if _, err := tk.ask("GETPIN", make([]byte, 0, maxSecret)); err != nil {
			t.Fatal(err)
		}
	}
	if bytes.Contains(tk.buf[:], []byte("secret")) {
		t.Error("the next line leaves it in the buffer")
	}
}

func TestEncode(t *testing.T) {
	if got := encode("100% of\nit, ünd so"); got != "100%25 of%0Ait, ünd so" {
		t.Error(got)
	}
	if (&talk{}).held != 0 || !refusal(83886179).canceled() || refusal(83886179).timeout() || !refusal(5<<24|62).timeout() {
		t.Error("codes")
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("OK Pleased to meet you\nS x\nD a%25b\nOK\n"))
	f.Add([]byte("ERR 83886179 Operation cancelled <Pinentry>\n"))
	f.Add([]byte("D %4"))
	f.Fuzz(func(t *testing.T, says []byte) {
		tk := &talk{in: io.Discard, out: bytes.NewReader(says)}
		for {
			b, err := tk.ask("GETPIN", make([]byte, 0, maxSecret))
			if len(b) > maxSecret || tk.held > maxLine || tk.taken > tk.held {
				t.Fatalf("%d bytes, %d of %d", len(b), tk.taken, tk.held)
			}
			var r refusal
			if err != nil && !errors.As(err, &r) {
				if !errors.Is(err, errGone) && !errors.Is(err, errGarbage) {
					t.Fatal(err)
				}
				return
			}
		}
	})
}

// What is encoded is decoded to the same.
func FuzzEncode(f *testing.F) {
	f.Add("100% \n\r")
	f.Fuzz(func(t *testing.T, text string) {
		line := encode(text)
		got, err := decode(make([]byte, 0, len(text)), []byte(line))
		if err != nil || string(got) != text || strings.ContainsAny(line, "\r\n") {
			t.Errorf("%q became %q, and that %q, %v", text, line, got, err)
		}
	})
}
