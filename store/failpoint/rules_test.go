package failpoint

import (
	"slices"
	"strings"
	"testing"
)

func TestARuleActsAtItsPassings(t *testing.T) {
	r, err := parse("store.slot.set 2 kill\n\n keychain.setting 2-3 error no: not now \nnote.written 1 stop")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ point, action, text string }{
		{"store.slot.set", "", ""},
		{"keychain.setting", "", ""},
		{"note.written", stop, ""},
		{"keychain.setting", fail, "no: not now"},
		{"store.slot.set", kill, ""},
		{"note.written", "", ""},
		{"keychain.setting", fail, "no: not now"},
		{"keychain.setting", "", ""},
		{"store.slot.set", "", ""},
	} {
		if got := r.pass(step.point); got.action != step.action || got.text != step.text {
			t.Errorf("%s: %q %q, want %q %q", step.point, got.action, got.text, step.action, step.text)
		}
	}
}

func TestAWrongRuleIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"store.slot.set 1 kill\nnowhere 1 kill": `line 2 of the steering file: there is no point "nowhere"`,
		"store.slot.set":                        `"" is no passing`,
		"store.slot.set 0 kill":                 `"0" is no passing`,
		"store.slot.set 3-2 kill":               `"3-2" is no passing`,
		"store.slot.set 1":                      `"" is nothing to do`,
		"store.slot.set 1 kill now":             `"kill now" is nothing to do`,
		"keychain.set 1 error":                  "an error needs a text",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestEveryPointIsNamedOnce(t *testing.T) {
	for i, point := range All {
		if slices.Contains(All[:i], point) {
			t.Errorf("%s stands there twice", point)
		}
		if strings.Trim(point, "abcdefghijklmnopqrstuvwxyz.") != "" || strings.Count(point, ".") == 0 {
			t.Errorf("%q is not plain dotted words", point)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("store.slot.set 2 kill\nkeychain.setting 1-9 error text")
	f.Add("note.written 1 stop\n\n")
	f.Add("note.written 9999999999999999999 stop")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parse(text)
		if err != nil {
			return
		}
		for _, one := range r.list {
			if one.from < 1 || one.to < one.from || !slices.Contains(All, one.point) || (one.action == fail) != (one.text != "") {
				t.Errorf("%q: %+v", text, one)
			}
			r.pass(one.point)
		}
	})
}
