package rotation_test

import (
	"slices"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/rotation"
)

// recs are records in every phase, as a process that begins may find them.
func recs() map[string]rotation.Record {
	m := map[string]rotation.Record{}
	steady := rotation.New(rotation.User{ARN: arn}, version(idNew), "", settings.TTL, t0.Add(-100*24*time.Hour))
	m["steady-due"] = steady
	notdue := rotation.New(rotation.User{ARN: arn}, version(idNew), "", settings.TTL, t0)
	m["steady-notdue"] = notdue
	c := creating()
	m["creating"] = c
	co := creating()
	co.Victim = &rotation.Victim{ID: idX, Why: rotation.Orphaned, Since: t0.Add(-48 * time.Hour)}
	m["orphan"] = co
	cod := co
	v := *co.Victim
	v.Decided = true
	cod.Victim = &v
	m["orphan-decided"] = cod
	p := notdue
	nx := version(idX)
	p.Phase, p.Next = rotation.Proving, &nx
	m["proving"] = p
	d := draining()
	m["draining"] = d
	dd := draining()
	dd.Victim.Decided = true
	m["draining-decided"] = dd
	mo := draining()
	mo.Phase, mo.DeactivatedAt, mo.DeleteAt, mo.Awake = rotation.Monitoring, t0.Add(-8*24*time.Hour), t0.Add(-24*time.Hour), 30*time.Hour
	m["monitoring"] = mo
	de := mo
	de.Phase = rotation.Deleting
	m["deleting"] = de
	back := draining()
	back.Phase, back.Next, back.Previous, back.Victim = rotation.Proving, back.Previous, nil, nil
	back.Back = &rotation.Back{Since: t0, Sent: true}
	m["back"] = back
	forward := back
	forward.Back = &rotation.Back{Since: t0, Forward: true}
	m["forward"] = forward
	leaked := draining()
	leaked.Leaked = true
	m["leaked"] = leaked
	room := mo
	room.Leaked, room.Asked = true, true
	m["leaked-room"] = room
	unborn := rotation.NewUnborn(rotation.User{ARN: arn}, "boss", "", settings.TTL, t0)
	m["unborn"] = unborn
	uc := unborn
	uc.Phase, uc.Intent = rotation.Creating, &rotation.Intent{At: t0, Seen: []string{idOld}}
	m["unborn-creating"] = uc
	up := unborn
	up.Phase, up.Next = rotation.Proving, &nx
	m["unborn-proving"] = up
	for _, code := range []rotation.Code{rotation.RolledBack, rotation.CurrentDead} {
		h := draining()
		h.Phase, h.Hold = rotation.Held, &rotation.Hold{Code: code, Phase: rotation.Draining, ID: idOld}
		m["held-"+string(code)] = h
	}
	for _, code := range []rotation.Code{rotation.SecondKey, rotation.AccessDenied, rotation.ClockDoubt, rotation.EndpointChanged} {
		h := notdue
		h.Hold = &rotation.Hold{Code: code, Phase: rotation.Steady, ID: idX}
		h.Phase = rotation.Held
		m["held-"+string(code)] = h
	}
	return m
}

// TestNoOrderOfAnswersSpins gives every record every answer, to all calls or to
// one kind, with and without a date: sooner or later the machine must wait, and
// so it must after each wait.
func TestNoOrderOfAnswersSpins(t *testing.T) {
	for name, r0 := range recs() {
		for _, doubt := range []bool{false, true} {
			for _, res := range []rotation.Result{rotation.OK, rotation.Refused, rotation.Denied, rotation.Missing, rotation.Full, rotation.Throttled, rotation.Rejected, rotation.NotSent, rotation.Ambiguous} {
				for _, dated := range []bool{true, false} {
					for _, only := range []rotation.Verb{"", rotation.List, rotation.Prove, rotation.Look, rotation.Create, rotation.Deactivate, rotation.Activate, rotation.Delete, rotation.Check, rotation.Witness} {
						for _, world := range []string{"cur", "victimActive", "victimInactive", "renamed", "dead"} {
							r, m := r0, rotation.Memory{Doubt: doubt}
							n := at(9 * 24 * time.Hour)
							n.Known = false
							n.Awake = 100 * time.Hour
							spins := 0
							var trail []string
							for waits := 0; spins <= 25; {
								a := rotation.Decide(r, m, settings, n)
								trail = append(trail, describe(a))
								if a.Do == rotation.Wait {
									if waits++; waits > 4 || a.Until.IsZero() {
										break
									}
									n.Awake += a.Until.Sub(n.Local)
									n.Local, spins = a.Until, 0
									continue
								}
								o := rotation.Outcome{Result: rotation.OK}
								switch a.Do {
								case rotation.Save, rotation.Reload, rotation.Note:
								default:
									if only == "" || only == a.Do {
										o.Result = res
									}
									if dated {
										o.Date = n.AWS()
										n.Known = true
									}
									o.ARN = arn
									if world == "renamed" {
										o.ARN = arn + "by"
									}
									if world == "dead" && (a.Do == rotation.Check || a.Signer.ID == r.Current.ID) {
										o.Result = rotation.Refused
									}
									if a.Do == rotation.List || a.Do == rotation.Witness {
										o.Keys = []rotation.KeyInfo{{ID: r.Current.ID, Active: world != "dead"}}
										if v := r.Victim; v != nil && world != "cur" {
											o.Keys = append(o.Keys, rotation.KeyInfo{ID: v.ID, Active: world == "victimActive" || world == "dead"})
										}
										if v := r.Next; v != nil {
											o.Keys = append(o.Keys, rotation.KeyInfo{ID: v.ID, Active: world == "victimActive"})
										}
									}
									if a.Do == rotation.Create {
										o.Version = version("AKIAZZZZZZZZZZZZZZZ1")
									}
								}
								n.Local = n.Local.Add(50 * time.Millisecond)
								m2 := rotation.Observe(r, m, a, o, settings, n)
								if a.Do == rotation.Save && o.Result == rotation.OK {
									if _, err := rotation.Encode(a.Record); err != nil {
										t.Fatalf("%s becomes what cannot be written: %v", name, err)
									}
									if !isWay(r, a.Record) {
										t.Fatalf("%s: %s to %s is in no table", name, r.At(), a.Record.At())
									}
									r = a.Record
								}
								m = m2
								spins++
							}
							if spins > 25 {
								t.Errorf("SPIN %s doubt=%v %s only=%q dated=%v world=%s: ...%v", name, doubt, res, only, dated, world, trail[len(trail)-4:])
							}
						}
					}
				}
			}
		}
	}
}

// isWay reports whether a write is a step that the table of ways has.
func isWay(from, to rotation.Record) bool {
	return from.At() == to.At() || slices.ContainsFunc(rotation.Ways, func(w rotation.Way) bool {
		return w.From == from.At() && w.To == to.At()
	})
}
