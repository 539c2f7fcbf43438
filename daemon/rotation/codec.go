package rotation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/awskeyd/awskeyd/store/secret"
)

// RecordVersion is the shape of the encoded record: its fields and the words in
// them. A change of either raises it, since an older program refuses a newer
// record and changes nothing, but takes an unknown field for damage. What is
// older is read and written anew as this version at the next step of the key.
const RecordVersion = 1

// MaxID bounds an access key id. AWS's API allows 128 characters and has given
// out 20 so far; a record must fit the smallest keychain.
const MaxID = 32

// ErrNewer is a record that a newer program wrote.
var ErrNewer = errors.New("the record was written by a newer awskeyd")

// The names are short because Windows leaves a record 2,560 bytes. Times are
// seconds of Unix time, the switch (local clock) milliseconds; 0 is absent.
type wire struct {
	V     int          `json:"v"`
	ARN   string       `json:"arn"`
	End   string       `json:"end,omitempty"`
	TTL   int64        `json:"ttl"`
	Phase Phase        `json:"ph"`
	Since int64        `json:"at,omitempty"`
	Cur   *wireVersion `json:"cur,omitempty"`
	Next  *wireVersion `json:"nxt,omitempty"`
	Prev  *wireVersion `json:"prv,omitempty"`
	Int   *wireIntent  `json:"int,omitempty"`
	Vic   *wireVictim  `json:"vic,omitempty"`
	Count int64        `json:"cnt,omitempty"`
	NotB  int64        `json:"nb,omitempty"`
	Gave  int          `json:"gu,omitempty"`
	Asked bool         `json:"ask,omitempty"`
	Pause bool         `json:"pau,omitempty"`
	Sw    int64        `json:"sw,omitempty"`
	Stop  int64        `json:"st,omitempty"`
	DeaAt int64        `json:"da,omitempty"`
	PatAt int64        `json:"pa,omitempty"`
	Dead  int64        `json:"dd,omitempty"`
	DelAt int64        `json:"de,omitempty"`
	Awake int64        `json:"aw,omitempty"`
	Exc   int64        `json:"ex,omitempty"`
	Leak  bool         `json:"lk,omitempty"`
	With  string       `json:"with,omitempty"`
	Back  *wireBack    `json:"bk,omitempty"`
	Hold  *wireHold    `json:"hld,omitempty"`
	Ended []string     `json:"old,omitempty"`
}

type wireVersion struct {
	ID     string `json:"i"`
	Secret string `json:"s"`
	Made   int64  `json:"c,omitempty"`
	Import bool   `json:"m,omitempty"`
}

type wireIntent struct {
	At   int64    `json:"a"`
	Seen []string `json:"s"`
}

type wireVictim struct {
	ID      string `json:"i"`
	Why     Why    `json:"w"`
	Since   int64  `json:"a"`
	Decided bool   `json:"d,omitempty"`
}

type wireBack struct {
	Since   int64 `json:"a"`
	Sent    bool  `json:"s,omitempty"`
	Forward bool  `json:"f,omitempty"`
}

type wireHold struct {
	Code  Code   `json:"c"`
	Phase Phase  `json:"p"`
	Since int64  `json:"a"`
	ID    string `json:"i,omitempty"`
	About string `json:"t,omitempty"`
}

// Encode makes the payload for the store, and refuses what Decode would refuse.
// It holds secrets: wipe it after use.
func Encode(r Record) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	w := wire{
		V: RecordVersion, ARN: r.User.ARN, End: r.Endpoint, TTL: r.MaxTTL.Milliseconds(), Phase: r.Phase, Since: unix(r.Since),
		Leak: r.Leaked, With: r.With, Next: versionOut(r.Next), Prev: versionOut(r.Previous),
		Count: unix(r.CountFrom), NotB: unix(r.NotBefore), Gave: r.GaveUp, Asked: r.Asked, Pause: r.Paused,
		Stop: unix(r.Stopped), DeaAt: unix(r.DeactivateAt), PatAt: unix(r.PatientAt), Dead: unix(r.DeactivatedAt), DelAt: unix(r.DeleteAt),
		Awake: int64(r.Awake / time.Second), Exc: unix(r.Excused), Ended: r.Ended,
	}
	if !r.unborn() {
		w.Cur = versionOut(&r.Current)
	}
	if r.Back != nil {
		w.Back = &wireBack{unix(r.Back.Since), r.Back.Sent, r.Back.Forward}
	}
	if !r.Switched.IsZero() {
		w.Sw = r.Switched.UnixMilli()
	}
	if r.Intent != nil {
		w.Int = &wireIntent{unix(r.Intent.At), r.Intent.Seen}
	}
	if r.Victim != nil {
		w.Vic = &wireVictim{r.Victim.ID, r.Victim.Why, unix(r.Victim.Since), r.Victim.Decided}
	}
	if r.Hold != nil {
		w.Hold = &wireHold{r.Hold.Code, r.Hold.Phase, unix(r.Hold.Since), r.Hold.ID, r.Hold.About}
	}
	return json.Marshal(w)
}

// Decode reads a payload back. Whatever Encode cannot have written is refused.
func Decode(payload []byte) (Record, error) {
	if err := checkVersion(payload); err != nil {
		return Record{}, err
	}
	var w wire
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return Record{}, errors.New("the record is not one of ours")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Record{}, errors.New("the record goes on after its end")
	}
	r := Record{
		User: User{ARN: w.ARN}, Endpoint: w.End, MaxTTL: time.Duration(w.TTL) * time.Millisecond, Phase: w.Phase, Since: at(w.Since),
		Leaked: w.Leak, With: w.With, Next: versionIn(w.Next), Previous: versionIn(w.Prev),
		CountFrom: at(w.Count), NotBefore: at(w.NotB), GaveUp: w.Gave, Asked: w.Asked, Paused: w.Pause,
		Stopped: at(w.Stop), DeactivateAt: at(w.DeaAt), PatientAt: at(w.PatAt), DeactivatedAt: at(w.Dead), DeleteAt: at(w.DelAt),
		Awake: time.Duration(w.Awake) * time.Second, Excused: at(w.Exc), Ended: w.Ended,
	}
	if w.Cur != nil {
		r.Current = *versionIn(w.Cur)
	}
	if w.Back != nil {
		r.Back = &Back{at(w.Back.Since), w.Back.Sent, w.Back.Forward}
	}
	if w.Sw != 0 {
		r.Switched = time.UnixMilli(w.Sw).UTC()
	}
	if w.Int != nil {
		r.Intent = &Intent{at(w.Int.At), w.Int.Seen}
	}
	if w.Vic != nil {
		r.Victim = &Victim{w.Vic.ID, w.Vic.Why, at(w.Vic.Since), w.Vic.Decided}
	}
	if w.Hold != nil {
		r.Hold = &Hold{w.Hold.Code, w.Hold.Phase, at(w.Hold.Since), w.Hold.ID, w.Hold.About}
	}
	return r, r.check()
}

// checkVersion looks at the version before anything else: of a newer record
// nothing but that is known.
func checkVersion(payload []byte) error {
	var v struct {
		V json.Number `json:"v"` // no int: a number too large for one is newer all the same
	}
	if err := json.Unmarshal(payload, &v); err != nil {
		return errors.New("the record is not JSON") // the library's text would quote it
	}
	n, err := strconv.ParseUint(v.V.String(), 10, 64)
	switch {
	case strings.Trim(v.V.String(), "0123456789") != "", err == nil && n == 0, v.V == "":
		return errors.New("the record has no version")
	case err != nil || n > RecordVersion:
		return fmt.Errorf("%w (record version %s, this one reads %d)", ErrNewer, v.V, RecordVersion)
	}
	return nil
}

var idShape = regexp.MustCompile(`^[A-Za-z0-9_]{16,32}$`)

// CheckID refuses what cannot be an access key id (API_AccessKey: \w, 16 and up).
func CheckID(id string) error {
	if !idShape.MatchString(id) {
		return fmt.Errorf("an access key id is 16 to %d letters and digits, such as AKIAIOSFODNN7EXAMPLE", MaxID)
	}
	return nil
}

// needs says which parts a phase cannot be without, so that no code behind
// Decode has to ask.
var needs = map[Phase]func(Record) bool{
	Steady:     func(r Record) bool { return r.Next == nil && r.Previous == nil && r.Victim == nil },
	Creating:   func(r Record) bool { return r.Intent != nil && r.Next == nil && r.Previous == nil },
	Proving:    func(r Record) bool { return r.Next != nil && r.Previous == nil && (r.Back == nil || r.Victim == nil) },
	Draining:   func(r Record) bool { return r.Previous != nil && r.Victim != nil && r.Victim.ID == r.Previous.ID },
	Monitoring: func(r Record) bool { return r.Victim != nil && r.Next == nil },
	Deleting:   func(r Record) bool { return r.Victim != nil },
}

// check holds a decoded record against what the machine can have made, so that
// no later code meets a phase without its parts.
func (r Record) check() error {
	versions := []*Version{&r.Current, r.Next, r.Previous}
	if r.unborn() {
		if r.With == "" || r.Previous != nil || r.Back != nil {
			return errors.New("the record has no current access key")
		}
		versions = versions[1:]
	}
	seen := []string{}
	for _, v := range versions {
		switch {
		case v == nil:
			continue
		case CheckID(v.ID) != nil || v.Secret.IsZero():
			return errors.New("the record lacks an access key or its secret")
		case slices.Contains(seen, v.ID):
			return errors.New("the record names the same access key twice")
		}
		seen = append(seen, v.ID)
	}
	phase := r.Phase
	if phase == Held {
		if r.Hold == nil {
			return errors.New("the record is held without a reason")
		}
		phase = r.Hold.Phase
		if from := holds[r.Hold.Code].phases; from != nil && !slices.Contains(from, phase) {
			return fmt.Errorf("the record is held for %s in the phase %s", r.Hold.Code, phase)
		}
		if r.Hold.Code == OrphanUsed && r.Victim == nil {
			return errors.New("the record is held for an orphan that it does not name")
		}
	}
	if r.Back != nil && phase != Proving {
		return fmt.Errorf("the record goes back in the phase %s", phase)
	}
	whole, known := needs[phase]
	if !known {
		return fmt.Errorf("the record is in the unknown phase %q", phase)
	}
	if !whole(r) {
		return fmt.Errorf("the record lacks what the phase %s needs", phase)
	}
	if r.Victim != nil && r.Victim.ID == r.Current.ID {
		return errors.New("the record would end its own current access key")
	}
	return nil
}

func versionOut(v *Version) *wireVersion {
	if v == nil {
		return nil
	}
	return &wireVersion{v.ID, v.Secret.Reveal(), unix(v.Created), v.Imported}
}

func versionIn(w *wireVersion) *Version {
	if w == nil {
		return nil
	}
	return &Version{w.ID, secret.New(w.Secret), at(w.Made), w.Import}
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func at(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
