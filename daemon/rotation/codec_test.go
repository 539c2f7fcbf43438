package rotation_test

import (
	"bytes"
	"errors"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store/secret"
)

// worst is the largest record that a real user can have.
func worst() rotation.Record {
	id := func(c string) string { return strings.Repeat(c, rotation.MaxID) }
	v := func(c string) rotation.Version {
		return rotation.Version{ID: id(c), Secret: secret.New(strings.Repeat("/", 64)), Created: t0, Imported: true}
	}
	prev := v("P")
	return rotation.Record{
		User:     rotation.User{ARN: "arn:aws-us-gov:iam::123456789012:user/" + strings.Repeat("p", 510) + "/" + strings.Repeat("n", 64)},
		Endpoint: "http://127.0.0.1:65535", MaxTTL: 12 * time.Hour, Phase: rotation.Held, Since: t0, Current: v("C"), Previous: &prev,
		Intent:    &rotation.Intent{At: t0, Seen: []string{id("C"), id("X")}},
		Victim:    &rotation.Victim{ID: id("P"), Why: rotation.NeverProved, Since: t0, Decided: true},
		CountFrom: t0, NotBefore: t0, GaveUp: 3, Asked: true, Paused: true, Leaked: true,
		Switched: t0, Stopped: t0, DeactivateAt: t0, PatientAt: t0, DeactivatedAt: t0, DeleteAt: t0, Awake: 100 * time.Hour, Excused: t0,
		Hold:  &rotation.Hold{Code: rotation.EndpointChanged, Phase: rotation.Monitoring, Since: t0, ID: id("P"), About: strings.Repeat("a", 147)},
		Ended: []string{id("1"), id("2"), id("3"), id("4")},
	}
}

func TestTheWorstRecordIsSmallAndComesBack(t *testing.T) {
	b, err := rotation.Encode(worst())
	if err != nil {
		t.Fatal(err)
	}
	const room = 2048 - 256 // the store's envelope
	if len(b) > room {
		t.Errorf("the worst record has %d bytes, %d is all there is", len(b), room)
	}
	r, err := rotation.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := rotation.Encode(r)
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("it does not come back the same: %v\n%s\n%s", err, b, again)
	}
	if !r.Current.Secret.Equal(worst().Current.Secret) {
		t.Error("the secret does not come back")
	}
}

func TestRecordsThatAreRefused(t *testing.T) {
	good, err := rotation.Encode(draining())
	if err != nil {
		t.Fatal(err)
	}
	swap := func(old, now string) []byte { return bytes.Replace(good, []byte(old), []byte(now), 1) }
	for name, b := range map[string][]byte{
		"empty": nil, "not JSON": []byte("x"), "trailing": append(bytes.Clone(good), '1'),
		"unknown field": swap(`"v":1`, `"v":1,"zz":1`), "unknown phase": swap(`"draining"`, `"dreaming"`),
		"no previous": swap(`"draining"`, `"proving"`), "current is the victim": swap(`"vic":{"i":"`+idOld, `"vic":{"i":"`+idNew),
		"no current": swap(idNew, ""), "held for no reason": swap(`"draining"`, `"held"`),
	} {
		if _, err := rotation.Decode(b); err == nil {
			t.Errorf("%s is taken for a record", name)
		} else if strings.Contains(err.Error(), "secret of") {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
	if _, err := rotation.Decode(swap(`"v":1`, `"v":2`)); !errors.Is(err, rotation.ErrNewer) {
		t.Errorf("a newer record: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	unborn := rotation.NewUnborn(rotation.User{ARN: arn}, "boss", "", time.Hour, t0)
	back := draining()
	back.Phase, back.Next, back.Previous, back.Victim = rotation.Proving, back.Previous, nil, nil
	back.Back = &rotation.Back{Since: t0, Sent: true, Forward: true}
	for _, r := range []rotation.Record{worst(), draining(), creating(), unborn, back} {
		b, err := rotation.Encode(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := rotation.Decode(b)
		if err != nil {
			return
		}
		once, err := rotation.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := rotation.Decode(once)
		if err != nil {
			t.Fatalf("what was decoded does not decode again: %v", err)
		}
		twice, err := rotation.Encode(back)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("encoding is not stable:\n%s\n%s", once, twice)
		}
		// Whatever it is, it does not crash, and what becomes of it can be written.
		n := at(time.Hour)
		made := []rotation.Record{r}
		add := func(next rotation.Record, err error) {
			if err == nil {
				made = append(made, next)
			}
		}
		if a := rotation.Decide(r, rotation.Memory{}, settings, n); a.Do == rotation.Save {
			add(a.Record, nil)
		}
		for _, leaked := range []bool{false, true} {
			add(rotation.Rotate(r, settings, leaked))
		}
		add(rotation.Rollback(r, settings, n))
		if r.Phase == rotation.Held {
			for _, word := range r.Choices(*r.Hold) {
				add(rotation.Resolve(r, word, settings, n))
			}
		}
		for _, next := range made {
			if _, err := rotation.Encode(next); err != nil {
				t.Fatalf("%s becomes what cannot be written: %v\n%+v", once, err, next)
			}
		}
	})
}

// FuzzRecordVersion: of every number it is known whose record it is.
func FuzzRecordVersion(f *testing.F) {
	for _, n := range []string{"1", "2", "0", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1e3", "1.5", "null", `"2"`, "01", "", "100000000000000000000.0"} {
		f.Add(n)
	}
	good, err := rotation.Encode(draining())
	if err != nil {
		f.Fatal(err)
	}
	digits := regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
	f.Fuzz(func(t *testing.T, n string) {
		if strings.ContainsAny(n, `,{}[]:"`) {
			return // no number, but more of the record
		}
		n = strings.Trim(n, " \t\r\n") // what JSON passes over
		_, err := rotation.Decode(bytes.Replace(good, []byte(`"v":1`), []byte(`"v":`+n), 1))
		number, whole := new(big.Int).SetString(n, 10)
		switch now := big.NewInt(rotation.RecordVersion); {
		case !digits.MatchString(n) || !whole || number.Sign() < 1:
			if err == nil || errors.Is(err, rotation.ErrNewer) {
				t.Errorf("version %q: %v", n, err)
			}
		case number.Cmp(now) > 0 != errors.Is(err, rotation.ErrNewer), number.Cmp(now) <= 0 && err != nil:
			t.Errorf("version %q: %v", n, err)
		}
	})
}
