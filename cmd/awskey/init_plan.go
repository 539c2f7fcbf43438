package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/daemon/awsfiles"
	"github.com/awskeyd/awskeyd/helper"
	"github.com/awskeyd/awskeyd/packaging/register"
	"github.com/awskeyd/awskeyd/store/secret"
)

// movingIn is one access key that init takes in.
type movingIn struct {
	name     string // of the key, in the store
	key      awsfiles.Static
	user     string   // its ARN
	profiles []string // the AWS profiles that get our line
	scrub    []string // those of them where the key stands in plaintext
	here     bool     // it is in the store already
}

// leftAlone is a key, or a part of one, that init does not touch.
type leftAlone struct {
	Profile string `json:"aws_profile,omitempty"`
	Text    string `json:"text"`
}

// initPlan is all that one run of init will do.
type initPlan struct {
	keys    []*movingIn
	left    []leftAlone
	changes []awsfiles.Change
	copies  []string         // files that only repeat these keys
	shells  []awsfiles.Place // lines for a person to delete
	environ bool             // the variables of this shell beat every AWS profile
	rotate  []string         // the keys whose first rotation has not begun
	begun   []rotationBegun

	manager  register.Manager // that is to start the service from now on; nil for none, or if it does
	managers string           // its name
}

// plan finds everything and asks AWS whose it is. It changes nothing.
func (i *initing) plan(ctx context.Context) (*initPlan, error) {
	p := &initPlan{}
	found, err := i.find(p)
	if err != nil {
		return nil, err
	}
	status, err := i.status(ctx)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 && !i.json {
		i.note("asking AWS whose these keys are")
	}
	for _, one := range found {
		if err := i.place(ctx, p, status, one); err != nil {
			return nil, err
		}
	}
	if err := i.preview(p); err != nil {
		return nil, err
	}
	if err := i.leftovers(p, status); err != nil {
		return nil, err
	}
	if !i.noRotate {
		p.rotate = i.rotations(p, status)
	}
	return p, i.service(ctx, p)
}

// rotations are the keys whose copy on disk is still worth something: those that
// are taken in now, and those that an earlier run has not come to.
func (i *initing) rotations(p *initPlan, status api.Status) (names []string) {
	for _, m := range p.keys {
		if !m.here {
			names = append(names, m.name)
		}
	}
	for _, k := range status.Keys {
		mine := slices.ContainsFunc(p.keys, func(m *movingIn) bool { return m.name == k.Name })
		if k.Imported && k.Phase == "steady" && !k.Paused && (mine || i.profile == "") {
			names = append(names, k.Name)
		}
	}
	return names
}

// nothing tells that there is nothing to do, whatever was left alone.
func (p *initPlan) nothing() bool {
	return len(p.keys)+len(p.copies)+len(p.rotate) == 0 && p.manager == nil
}

// service is registered where a manager is here, unless somebody steers the daemon
// by variables: whoever does that starts it.
func (i *initing) service(ctx context.Context, p *initPlan) error {
	if i.steered() {
		return nil
	}
	m, err := register.Find(ctx, i.env, os.Getuid())
	if err != nil {
		return nil // programs start it by themselves
	}
	s, err := m.State(ctx)
	if err != nil {
		return serviceError("ask for the service", err)
	}
	if !s.Installed || !s.Enabled {
		p.manager, p.managers = m, s.Manager
	}
	return nil
}

// found is one access key wherever it stands in plaintext.
type found struct {
	key      awsfiles.Static
	profiles []string
	places   []awsfiles.Place
}

// find gathers the keys, each once, and notes in p what stays as it is.
func (i *initing) find(p *initPlan) ([]*found, error) {
	var all []*found
	add := func(f awsfiles.Finding) {
		if f.Why != nil {
			p.left = append(p.left, leftAlone{f.Profile, i.tilde(f.Why.Error())})
			return
		}
		at := slices.IndexFunc(all, func(o *found) bool {
			return o.key.AccessKeyID == f.AccessKeyID && o.key.Secret.Equal(f.Secret)
		})
		if at < 0 {
			at, all = len(all), append(all, &found{key: f.Static})
		}
		if f.Profile != "" {
			all[at].profiles = append(all[at].profiles, f.Profile)
		}
		all[at].places = append(all[at].places, f.Places...)
	}
	plaintext, err := i.files.Plaintext()
	if err != nil {
		return nil, fmt.Errorf("cannot read the AWS files: %w", err)
	}
	for _, f := range plaintext {
		if i.profile == "" || f.Profile == i.profile {
			add(f)
		}
	}
	if i.profile != "" {
		if len(all)+len(p.left) == 0 {
			return nil, &api.Error{Code: "no-plaintext", Message: "no access key stands in the AWS profile " + printable(i.profile), Remedy: "awskey init --dry-run lists those that there are", Exit: helper.ExitUnknown}
		}
		return all, nil
	}
	for _, f := range awsfiles.Shells(i.home()) {
		if f.Why == nil {
			p.shells = append(p.shells, f.Places...)
		}
		add(f)
	}
	if f, is := i.environment(); is {
		p.environ = true
		add(f)
	}
	for _, f := range awsfiles.Downloads(filepath.Join(i.home(), "Downloads")) {
		add(f)
	}
	return all, nil
}

// environment is the key in the variables of the shell that awskey runs in.
func (i *initing) environment() (awsfiles.Finding, bool) {
	id, key := i.env("AWS_ACCESS_KEY_ID"), i.env("AWS_SECRET_ACCESS_KEY")
	switch {
	case id == "" && key == "":
		return awsfiles.Finding{}, false
	case i.env("AWS_SESSION_TOKEN") != "" || strings.HasPrefix(id, "ASIA"):
		return awsfiles.Finding{Why: errors.New("the environment holds a temporary key (AWS_SESSION_TOKEN); it ends by itself")}, true
	case wrongID(id) != "" || wrongSecret(key) != "":
		return awsfiles.Finding{Why: errors.New("the environment holds AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY, and not a whole key; unset them")}, true
	}
	return awsfiles.Finding{Static: awsfiles.Static{AccessKeyID: id, Secret: secret.New(key)}}, true
}

// place asks AWS whose a key is and decides what becomes of it. Only what keeps AWS
// from being asked is an error: then nothing is known of any key.
func (i *initing) place(ctx context.Context, p *initPlan, status api.Status, f *found) error {
	id := f.key.AccessKeyID
	leave := func(text string) {
		profile := strings.Join(f.profiles, ", ")
		p.left = append(p.left, leftAlone{profile, short(id) + where(i, f) + ": " + text})
	}
	var who api.Identity
	err := i.while("asking AWS about "+short(id), func() (err error) {
		who, err = i.daemon.Identify(ctx, api.IdentifyRequest{AccessKeyID: id, SecretAccessKey: f.key.Secret.Reveal()})
		return err
	})
	var e *api.Error
	switch {
	case errors.As(err, &e) && (e.Exit == helper.ExitAWS || e.Exit == helper.ExitRefused || e.Exit == helper.ExitUsage):
		leave(e.Message)
		return nil
	case err != nil:
		return err
	}
	m := &movingIn{key: f.key, user: who.UserARN, profiles: f.profiles, scrub: f.profiles}
	for _, k := range status.Keys {
		switch {
		case holds(k, id):
			m.name, m.here = k.Name, true
		case k.UserARN == who.UserARN:
			leave("the key " + k.Name + " holds another access key of the same IAM user; delete this one in IAM when nothing uses it any more")
			return nil
		}
	}
	for _, other := range p.keys {
		if other.user == m.user {
			leave("it is another access key of the same IAM user as " + short(other.key.AccessKeyID) + ", and a user is held once; delete it in IAM when nothing uses it any more")
			return nil
		}
	}
	if m.name == "" {
		m.name = freeName(append(slices.Clone(f.profiles), lastWord(who.UserARN)), taken(p, status))
	}
	if len(m.profiles) == 0 {
		m.profiles = []string{m.name}
		if lines, err := i.pointing(m.name); err != nil || m.here && len(lines) > 0 {
			return err // all is done that can be: what is left is for a person
		}
	}
	p.keys = append(p.keys, m)
	return nil
}

// where says the first place of a key that stands in no AWS profile.
func where(i *initing, f *found) string {
	switch {
	case len(f.profiles) > 0:
		return " of the AWS profile " + printable(strings.Join(f.profiles, ", "))
	case len(f.places) > 0:
		return " in " + printable(i.tilde(f.places[0].File))
	}
	return " in the environment"
}

// holds tells whether a key of ours has that access key id.
func holds(k api.Key, id string) bool {
	return k.AccessKeyID == id || k.Next != nil && k.Next.AccessKeyID == id || k.Previous != nil && k.Previous.AccessKeyID == id
}

func lastWord(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func taken(p *initPlan, status api.Status) []string {
	var names []string
	for _, k := range status.Keys {
		names = append(names, k.Name)
	}
	for _, pr := range status.Profiles {
		names = append(names, pr.Name)
	}
	for _, m := range p.keys {
		names = append(names, m.name)
	}
	return names
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// freeName is the first of the wishes that can be a name and is free, with a number
// behind it where it must be. The last wish is an IAM user's name, which has a
// letter or digit in it.
func freeName(wishes, taken []string) string {
	free := func(name string) bool {
		return helper.ValidName(name) && !slices.ContainsFunc(taken, func(t string) bool { return strings.EqualFold(t, name) })
	}
	var names []string
	for _, w := range wishes {
		names = append(names, strings.Trim(unfit.ReplaceAllString(w, "-"), "-._"))
	}
	for _, name := range names {
		if free(name) {
			return name
		}
	}
	for n := 2; ; n++ {
		for _, name := range append(names, "key") {
			if name = fmt.Sprintf("%.60s-%d", name, n); free(name) {
				return name
			}
		}
	}
}

// preview works out what changes in the AWS files. A key whose AWS profile cannot be
// edited is left alone as a whole.
func (i *initing) preview(p *initPlan) error {
	var moves []awsfiles.Move
	p.keys = slices.DeleteFunc(p.keys, func(m *movingIn) bool {
		mine, err := i.moves(m)
		if err == nil {
			_, err = i.files.Preview(append(slices.Clone(moves), mine...)...)
		}
		if err != nil {
			p.left = append(p.left, leftAlone{strings.Join(m.scrub, ", "), i.tilde(err.Error())})
			return true
		}
		moves = append(moves, mine...)
		return false
	})
	var err error
	p.changes, err = i.files.Preview(moves...)
	return err
}

func (i *initing) moves(m *movingIn) ([]awsfiles.Move, error) {
	t, err := i.target(m.name)
	var list []awsfiles.Move
	for _, profile := range m.profiles {
		list = append(list, awsfiles.Move{Profile: profile, Command: t.command, Key: m.key})
	}
	return list, err
}

// leftovers finds the files that would go on holding a key that is held by then.
func (i *initing) leftovers(p *initPlan, status api.Status) error {
	if i.profile != "" {
		return nil
	}
	var keys []awsfiles.Static
	var held []string
	for _, m := range p.keys {
		keys = append(keys, m.key)
	}
	for _, k := range status.Keys {
		held = append(held, k.AccessKeyID)
		if k.Previous != nil {
			held = append(held, k.Previous.AccessKeyID)
		}
	}
	if err := i.repeated(p); err != nil {
		return err
	}
	copies, err := i.files.Copies(keys, held)
	if err != nil {
		return err
	}
	for _, c := range copies {
		if c.Only {
			p.copies = append(p.copies, c.Path)
		} else {
			p.left = append(p.left, leftAlone{Text: i.tilde(c.Path) + " holds one of these keys and another one as well; look at it, and delete it yourself"})
		}
	}
	for _, f := range awsfiles.Downloads(filepath.Join(i.home(), "Downloads")) {
		if slices.ContainsFunc(keys, func(k awsfiles.Static) bool { return k.AccessKeyID == f.AccessKeyID }) || slices.Contains(held, f.AccessKeyID) {
			p.copies = append(p.copies, f.Places[0].File)
		}
	}
	return nil
}

// repeated notes the lines of the AWS files in which a secret stays that moves: a
// comment, or a setting of another tool. They are the person's own.
func (i *initing) repeated(p *initPlan) error {
	for _, m := range p.keys {
		places, err := i.files.Standing(m.key)
		if err != nil {
			return err
		}
		for _, place := range places {
			goes := func(c awsfiles.Change) bool { return c.File == place.File && c.Line == place.Line && c.Old != "" }
			if !slices.ContainsFunc(p.changes, goes) {
				p.left = append(p.left, leftAlone{Text: fmt.Sprintf("%s:%d: the secret of %s stands here a second time; delete the line yourself", i.tilde(place.File), place.Line, short(m.key.AccessKeyID))})
			}
		}
	}
	return nil
}
