package rotation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// TestRequestsInEveryPhase asks for everything in every phase. What is refused
// is refused with a text; what is granted can be written, and is a step that
// the table of ways has.
func TestRequestsInEveryPhase(t *testing.T) {
	const no = "refused"
	want := map[string][3]string{ // rotate, leaked, rollback
		"steady-due": {"steady", "steady", no}, "steady-notdue": {"steady", "steady", no},
		"creating": {no, "creating", no}, "orphan": {no, "creating", no}, "orphan-decided": {no, "creating", no},
		"proving": {no, "proving", "held rolled-back"}, "draining": {no, "draining", "proving"}, "draining-decided": {no, "draining", "proving"},
		"monitoring": {no, "monitoring", "proving"}, "deleting": {no, "deleting", no},
		"back": {no, no, no}, "forward": {no, no, "held rolled-back"},
		"leaked": {no, "draining", no}, "leaked-room": {no, "monitoring", no},
		"unborn": {"steady", no, no}, "unborn-creating": {no, no, no}, "unborn-proving": {no, no, no},
		"held-second-key": {no, no, no}, "held-access-denied": {no, "steady", no}, "held-clock": {no, "steady", no},
		"held-endpoint-changed": {no, no, no}, "held-rolled-back": {no, "draining", no}, "held-current-dead": {no, "draining", "draining"},
	}
	for name, r := range recs() {
		rows, known := want[name]
		if !known {
			t.Errorf("%s is in no table", name)
			continue
		}
		for i, ask := range []func(rotation.Record) (rotation.Record, error){
			func(r rotation.Record) (rotation.Record, error) { return rotation.Rotate(r, settings, false) },
			func(r rotation.Record) (rotation.Record, error) { return rotation.Rotate(r, settings, true) },
			func(r rotation.Record) (rotation.Record, error) { return rotation.Rollback(r, settings, at(0)) },
		} {
			next, err := ask(r)
			got := no
			if err == nil {
				got = strings.TrimPrefix(describe(rotation.Action{Do: rotation.Save, Record: next}), "save ")
				if _, err := rotation.Encode(next); err != nil || !isWay(r, next) {
					t.Errorf("%s, request %d: %v, way %v", name, i, err, isWay(r, next))
				}
			} else if len(err.Error()) < 10 {
				t.Errorf("%s, request %d is refused with %q", name, i, err)
			}
			if got != rows[i] {
				t.Errorf("%s, request %d: %s, want %s (%v)", name, i, got, rows[i], err)
			}
			if _, err := ask(rotation.Pause(r)); err == nil {
				t.Errorf("%s, request %d: granted while it is paused", name, i)
			}
		}
	}
}

// TestEveryChoiceOfEveryHold takes each choice that is offered: it ends the hold.
func TestEveryChoiceOfEveryHold(t *testing.T) {
	held := func(r rotation.Record, code rotation.Code, id string) rotation.Record {
		r.Hold = &rotation.Hold{Code: code, Phase: r.Phase, ID: id, About: "s3 in eu-west-1"}
		r.Phase = rotation.Held
		return r
	}
	all := recs()
	steady, proving, draining, monitoring, deleting := all["steady-due"], all["proving"], all["draining"], all["monitoring"], all["deleting"]
	for _, c := range []struct {
		r    rotation.Record
		want map[string]string
	}{
		{held(steady, rotation.SecondKey, idX), map[string]string{"wait": "steady", "delete-it": "creating"}},
		{held(draining, rotation.UsedElsewhere, idOld), map[string]string{"wait": "draining", "deactivate": "draining", "rollback": "proving"}},
		{held(all["orphan"], rotation.OrphanUsed, idX), map[string]string{"wait": "creating", "deactivate": "creating"}},
		{held(monitoring, rotation.AuthFailures, idOld), map[string]string{"delete": "deleting", "rollback": "proving"}},
		{held(deleting, rotation.Reactivated, idOld), map[string]string{"deactivate": "draining", "rollback": "proving"}},
		{held(draining, rotation.RolledBack, idOld), map[string]string{"keep": "draining", "forward": "proving"}},
		{held(proving, rotation.RolledBack, idX), map[string]string{"keep": "deleting", "forward": "proving"}},
		{held(draining, rotation.CurrentDead, idOld), map[string]string{"rollback": "draining", "replace": "deleting"}},
		{held(steady, rotation.NeverProves, ""), map[string]string{"retry": "steady"}},
		{held(draining, rotation.NeverProves, idOld), map[string]string{"retry": "draining"}},
		{held(proving, rotation.AccessDenied, idX), map[string]string{"retry": "proving"}},
		{held(draining, rotation.MFARequired, idOld), map[string]string{"retry": "draining"}},
		{held(steady, rotation.UserGone, idOld), map[string]string{"retry": "steady"}},
		{held(draining, rotation.ClockDoubt, idOld), map[string]string{"retry": "draining"}},
		{held(steady, rotation.EndpointChanged, ""), map[string]string{"retry": "steady"}},
	} {
		h := *c.r.Hold
		if text := h.Text(); text == "" || strings.Contains(text, "held:") {
			t.Errorf("%s has the text %q", h.Code, text)
		}
		choices := c.r.Choices(h)
		if len(choices) != len(c.want) {
			t.Errorf("%s in %s offers %v", h.Code, h.Phase, choices)
		}
		for _, word := range choices {
			next, err := rotation.Resolve(c.r, word, settings, at(time.Hour))
			if err != nil || string(next.Phase) != c.want[word] || next.Hold != nil {
				t.Errorf("%s in %s, %s: %s (%v), want %s", h.Code, h.Phase, word, next.Phase, err, c.want[word])
				continue
			}
			if _, err := rotation.Encode(next); err != nil || !isWay(c.r, next) {
				t.Errorf("%s in %s, %s: cannot be written (%v) or is no way", h.Code, h.Phase, word, err)
			}
		}
	}
	// Nobody is offered a way back to a secret that nobody has.
	orphan := all["orphan"]
	orphan.Phase, orphan.DeactivatedAt = rotation.Monitoring, t0
	if choices := orphan.Choices(rotation.Hold{Code: rotation.AuthFailures, Phase: rotation.Monitoring, ID: idX}); len(choices) != 1 || choices[0] != "delete" {
		t.Errorf("of an orphan %v is offered", choices)
	}
}
