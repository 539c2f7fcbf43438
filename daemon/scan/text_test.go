package scan

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// TestOtherKeys draws other keys for the same places: what depends on luck is rare.
func TestOtherKeys(t *testing.T) {
	const seeds = 20
	placements, missed, pairs, lost, alarms := 0, 0, 0, 0, 0
	for seed := range uint64(seeds) {
		for _, d := range corpus(t, 2+seed) {
			if misses[d.kind+"/"+d.name] != "" {
				continue
			}
			o := judge(d, all(t, d.text))
			placements, missed = placements+o.placements, missed+o.placements-o.found
			pairs, lost = pairs+o.pairs, lost+o.pairs-o.paired
			alarms += o.alarms
			if len(o.problems) > 0 {
				t.Logf("seed %d: %s/%s: %s", 2+seed, d.kind, d.name, strings.Join(o.problems, "; "))
			}
		}
		for _, l := range lookAlikes(2 + seed) {
			told := all(t, []byte(l.text))
			if alarms += len(told); len(told) > 0 {
				t.Logf("seed %d: %s: %v", 2+seed, l.class, told)
			}
		}
	}
	t.Logf("%d of %d ids missed, %d of %d secrets, %d false alarms", missed, placements, lost, pairs, alarms)
	if missed*1000 > placements || lost*300 > pairs || alarms*5000 > seeds*len(alikeClasses)*alikeEach {
		t.Error("that is more than luck")
	}
}

// findings is what a person is told, and the secrets, to compare.
func findings(list []Found, lines int) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintln(&b, f.AccessKeyID, f.Line-lines, f.SecretLine-min(lines, f.SecretLine), f.Secret.Reveal())
	}
	return b.String()
}

// TestWhereverTheWindowEnds moves documents over the end of a window.
func TestWhereverTheWindowEnds(t *testing.T) {
	for i, d := range corpus(t, 1) {
		want := findings(all(t, d.text), 0)
		if strings.Count(want, "\n") == 0 {
			continue
		}
		for _, before := range []int{window - len(d.text), window - len(d.text)/2, window, window + reach - len(d.text)/2, window + 2*reach - 7*(i%9)} {
			lines := strings.Repeat(strings.Repeat("-", 39)+"\n", before/40)
			lines = strings.Repeat("-", before-len(lines)) + "\n" + lines
			text := append([]byte(lines), d.text...)
			text = append(text, strings.Repeat("\n"+strings.Repeat("-", 39), 4*reach/40)...)
			if got := findings(all(t, text), strings.Count(lines, "\n")); got != want {
				t.Errorf("%s/%s after %d bytes:\n%swant\n%s", d.kind, d.name, before, got, want)
			}
		}
	}
}

// TestSmallReads is a reader that hands out bytes as a pipe does.
func TestSmallReads(t *testing.T) {
	for _, d := range corpus(t, 1) {
		var list []Found
		if err := Text(iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(d.text))), func(f Found) { list = append(list, f) }); err != nil {
			t.Fatal(err)
		}
		if got, want := findings(list, 0), findings(all(t, d.text), 0); got != want {
			t.Errorf("%s/%s: %s, want %s", d.kind, d.name, got, want)
		}
	}
}

// TestAReaderThatFails tells what stood before, and the error.
func TestAReaderThatFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	id := "AKIA" + newRandom(t.Name()).of(base32, 16)
	n := 0
	err := Text(io.MultiReader(strings.NewReader("key="+id+"\n"), iotest.ErrReader(broken)), func(f Found) {
		if n++; f.AccessKeyID != id || f.Line != 1 {
			t.Errorf("told %v", f)
		}
	})
	if !errors.Is(err, broken) || n != 1 {
		t.Errorf("%d are told, and %v", n, err)
	}
}

// TestMemoryIsBounded reads 64 MiB in which a key stands every 64 KiB.
func TestMemoryIsBounded(t *testing.T) {
	r := newRandom(t.Name())
	block := []byte("key=AKIA" + r.of(base32, 16) + "\nsecret=" + r.secret() + "\n" + strings.Repeat(r.of(alnum, 50)+"\n", (64<<10)/51))
	const blocks = 1 << 10
	var before, after runtime.MemStats
	var most uint64
	n := 0
	runtime.ReadMemStats(&before)
	err := Text(&repeat{block: block, left: blocks}, func(f Found) {
		if n++; n%64 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&after)
			most = max(most, after.HeapAlloc)
		}
		if want := 1 + (n-1)*bytes.Count(block, newline); f.Line != want || f.SecretLine != want+1 {
			t.Fatalf("%d. key is told of line %d and %d, it stands on %d", n, f.Line, f.SecretLine, want)
		}
	})
	if err != nil || n != blocks {
		t.Fatalf("%d of %d are told, and %v", n, blocks, err)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
}

// repeat is one block again and again.
type repeat struct {
	block []byte
	left  int
	rest  []byte
}

func (r *repeat) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		r.left, r.rest = r.left-1, r.block
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// TestTheMark says which line lets a key through.
func TestTheMark(t *testing.T) {
	r := newRandom(t.Name())
	id, secret, note := "AKIA"+r.of(base32, 16), r.secret(), "awskey"+":allow"
	for text, want := range map[string]int{
		"k=" + id + " # " + note:                                      0,
		"# " + note + ": " + id:                                       0,
		"/*" + note + "*/ k=" + id + " s=" + secret:                   0,
		"k=" + id + " # " + note + "ed":                               1,
		"k=" + id + " # not" + note:                                   1,
		"k=" + id + " # not" + note + " " + note:                      0,
		"# " + note + "\nk=" + id:                                     1,
		"k=" + id + "\n# " + note:                                     1,
		"k=" + id + "\ns=" + secret + " # " + note:                    1, // the id's line counts
		"k=" + id + " # " + note + "\nAWS_SECRET=" + secret:           0,
		"AWS_SECRET_ACCESS_KEY=" + secret + " # " + note:              0,
		"AWS_SECRET_ACCESS_KEY=" + secret + "\n# " + note:             1,
		"k=" + id + " # " + note + "\nk=" + "AKIA" + r.of(base32, 16): 1,
	} {
		if got := len(all(t, []byte(text))); got != want {
			t.Errorf("%d are told, want %d, of\n%s", got, want, text)
		}
	}
}

// TestOnceALine is for who prints one finding a line.
func TestOnceALine(t *testing.T) {
	id := "AKIA" + newRandom(t.Name()).of(base32, 16)
	if got := all(t, []byte(id+" "+id+"\n"+id)); len(got) != 2 || got[0].Line != 1 || got[1].Line != 2 {
		t.Errorf("told %v", got)
	}
}

// hostile are texts that a careless finder would spend its life on.
func hostile() map[string]string {
	r := newRandom("hostile")
	id := "AKIA" + r.of(base32, 16)
	return map[string]string{
		"prefixes":        strings.Repeat("AKIA", 1<<18),
		"spelt prefixes":  strings.Repeat("QUtJQUFLSUFBS0lB", 1<<16),
		"ids":             strings.Repeat(id+"\n", 1<<15),
		"ids and secrets": strings.Repeat(id+" "+r.secret()+"\n", 1<<14),
		"secrets":         id + strings.Repeat(" "+r.secret(), 1<<14),
		"names":           strings.Repeat("aws_secret_access_key=", 1<<15) + r.secret(),
		"backslashes":     id + strings.Repeat(`\`, 1<<20),
		"quotes":          strings.Repeat(`"a"+`, 1<<18) + id,
		"blank quotes":    strings.Repeat(`a"`+strings.Repeat(" ", 200), 1<<12) + id,
		"wide":            strings.Repeat("A\x00K\x00I\x00A\x00", 1<<17),
		"entities":        id + strings.Repeat("&#", 1<<19),
		"short lines":     strings.Repeat(r.of(code64, 40)+"QUtJQ\n", 1<<14),
		"rare letters":    strings.Repeat("IJUBcC", 1<<18),
	}
}

// TestHostileTexts would take days if anything in it were read once for each of its
// bytes.
func TestHostileTexts(t *testing.T) {
	const enough = time.Minute
	begin := time.Now()
	for name, text := range hostile() {
		told := len(all(t, []byte(text)))
		if many := name == "ids" || name == "ids and secrets"; many && told < 1<<14 {
			t.Errorf("%s: %d are told", name, told)
		}
		if time.Since(begin) > enough {
			t.Fatalf("%s: %v are over", name, enough)
		}
	}
}

// TestWhatIsNoSecret stands beside an id and belongs to nobody.
func TestWhatIsNoSecret(t *testing.T) {
	r := newRandom(t.Name())
	id := "AKIA" + r.of(base32, 16)
	text40 := base64.StdEncoding.EncodeToString([]byte("what is it to you, dear 0 Bob?"))
	for name, text := range map[string]string{
		"base64 of text":            text40,
		"base64 with padding":       r.secret() + "=",
		"a hash":                    r.of(hex, 40),
		"a name in code":            "AbstractSingletonProxyFactoryBean2Config",
		"a path":                    "/srv/Data/app/releases/2024/current/Main",
		"few letters":               strings.Repeat("aB1cD2eF", 5),
		"a part of a token":         "tok_" + r.secret(),
		"a part of a longer token":  r.secret() + "_" + r.of(alnum, 9),
		"a web token":               "eyJ." + r.secret() + ".x",
		"base64 of 40 other things": base64.RawStdEncoding.EncodeToString([]byte(r.of(alnum, 20) + "." + r.of(alnum, 19))),
		"AWS's example":             "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"something far below":       strings.Repeat("\n", 30) + r.secret(),
		"the end of a longer run":   strings.Repeat("\n", 3) + strings.Repeat(" ", reach-idLen-len("\nvalue \n\n\n")-secretLen) + r.secret() + r.of(alnum, 60),
	} {
		if got := all(t, []byte(id+"\nvalue "+text+"\n")); len(got) != 1 || !got[0].Secret.IsZero() {
			t.Errorf("%s is told: %v", name, got)
		}
	}
	before := r.of(alnum, 60) + r.secret() + strings.Repeat(" ", reach-secretLen) + id
	if got := all(t, []byte(before)); len(got) != 1 || !got[0].Secret.IsZero() {
		t.Errorf("the begin of a longer run is told: %v", got)
	}
	two := id + "\n" + "AKIA" + r.of(base32, 16) + strings.Repeat("\n", 30) + r.secret() + "\n" + r.secret()
	if got := all(t, []byte(two)); len(got) != 2 || !got[0].Secret.IsZero() || !got[1].Secret.IsZero() {
		t.Errorf("two far below are told: %v", got)
	}
}

// TestLines is about which lines are told.
func TestLines(t *testing.T) {
	r := newRandom(t.Name())
	id, secret := "AKIA"+r.of(base32, 16), r.secret()
	for text, want := range map[string][2]int{
		id + " " + secret:                                {1, 1},
		"\n" + id + "\n\n" + secret:                      {2, 4},
		"\n\n" + secret + "\n" + id:                      {4, 3},
		"\r\n" + id + "\r\n" + secret:                    {2, 3},
		"\nAWS_SECRET=" + secret:                         {2, 2},
		"\n\"AKIA\" +\n\"" + id[4:] + "\",\n\"" + secret: {2, 4},
	} {
		if got := all(t, []byte(text)); len(got) != 1 || got[0].Line != want[0] || got[0].SecretLine != want[1] {
			t.Errorf("%q is told as %v, want %v", text, got, want)
		}
	}
}

// TestLinesOfBase64 joins what was wrapped, and no words that stand around it.
func TestLinesOfBase64(t *testing.T) {
	row := strings.Repeat("QUtJ", 16)
	for text, want := range map[string]int{
		"word\n" + row + "\n" + row + "\nQUtJ\nword\n": 3,
		"word\nQUtJ\nword":   1,
		row + "\n\n" + row:   1,
		row + "\r\n  " + row: 2,
		row + " " + row:      1,
	} {
		if got := linesOf([]byte(text), strings.Index(text, "QUtJ")); len(got) != want {
			t.Errorf("%q is %d lines, want %d", text, len(got), want)
		}
	}
}
