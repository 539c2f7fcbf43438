package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const ourModule = "github.com/awskeyd/awskeyd/"

// The kinds of package that an arrow's rule may be about.
const (
	arrowOurs   = "ours"
	arrowStd    = "the standard library's"
	arrowOthers = "others'"
)

// arrowRule refuses imports. Patterns are paths, ours without the module: the
// way of [path.Match], and p/... is p and all below it.
type arrowRule struct {
	who    []string // the packages it is about
	except []string // and these of them not
	far    bool     // it is about everything linked, not only what is imported by name
	never  []string // these are refused
	among  string   // or, of this kind,
	only   []string // all but these
	why    string
}

var threePrograms = []string{"cmd/awskey-helper", "cmd/awskey", "cmd/awskeyd"}

// arrowRules are all rules on who imports whom. Each package of ours needs one
// that is among ours, so that a new room is thought about.
var arrowRules = []arrowRule{
	{who: []string{"cmd/awskey-helper"}, far: true, among: arrowOurs, only: []string{"helper"},
		why: "each credential_process run pays for what the helper links"},
	{who: []string{"cmd/awskey-helper"}, far: true, among: arrowOthers,
		why: "the helper is the standard library's and ours"},
	{who: []string{"cmd/awskey-helper"}, far: true, never: []string{"reflect", "net", "net/http"},
		why: "reflection (fmt, encoding/json, text/template) and the net packages slow every start"},

	{who: []string{"cmd/awskey", "cmd/awskey/..."}, among: arrowOurs,
		only: []string{"cmd/awskey/...", "daemon/api", "daemon/config", "daemon/awsfiles", "daemon/awstest", "daemon/scan", "daemon/scan/...", "packaging/register", "helper", "store/secret", "store/failpoint"},
		why:  "what a person types speaks to the daemon over the socket; store/secret masks what was typed"},
	{who: []string{"cmd/awskey"}, far: true, never: []string{"store", "store/keychain/...", "github.com/99designs/...", "github.com/aws/..."},
		why: "only the daemon touches the keychain and AWS"},

	{who: []string{"cmd/awskeyd", "cmd/awskeyd/..."}, among: arrowOurs,
		only: []string{"cmd/awskeyd/...", "daemon", "daemon/api", "daemon/config", "store", "store/secret", "store/keychain", "store/keychain/busguard", "packaging/service", "helper"},
		why:  "the daemon's main only puts its rooms together"},
	{who: []string{"cmd/awskeyd"}, far: true, never: []string{"github.com/aws/aws-sdk-go-v2/config"},
		why: "it resolves the very profiles whose credential_process is us"},
	{who: []string{"cmd/awskeyd"}, far: true, never: []string{"text/template", "html/template"},
		why: "one use makes the linker keep every method of the AWS SDK, 1.6 MB"},
	{who: []string{"cmd/awskeyd"}, far: true, never: []string{"daemon/awstest", "github.com/spf13/..."},
		why: "the service holds neither an emulator nor a command line's framework"},

	{who: threePrograms, far: true, never: []string{"testing", "pgregory.net/rapid", "go.uber.org/goleak", "github.com/rogpeppe/..."},
		why: "what tests need stays in tests"},

	{who: []string{"cmd/explore"}, among: arrowOurs, only: []string{"daemon/explore", "daemon/fleet"},
		why: "it searches the pure machine, and simulates a fleet of it"},

	{who: []string{"daemon"}, among: arrowOurs, only: []string{"daemon/*", "store", "store/secret", "store/failpoint", "helper"},
		why: "the daemon stands on its rooms and on the store's interface"},
	{who: []string{"daemon/*", "daemon/*/..."}, among: arrowOurs, only: []string{"daemon/*", "daemon/*/...", "store", "store/secret", "store/failpoint", "helper"},
		why: "a room of the daemon knows neither the daemon nor a keychain"},
	{who: []string{"daemon/api"}, among: arrowOurs, only: []string{"helper"},
		why: "the socket's words are above what answers them"},
	{who: []string{"daemon/keys"}, among: arrowOurs, only: []string{"daemon/rotation", "daemon/awsapi", "daemon/api", "store", "store/secret", "store/failpoint", "helper"},
		why: "the living keys know no configuration's file, no history and no AWS files"},
	{who: []string{"daemon/awsapi"}, among: arrowOurs, only: []string{"store/secret"},
		why: "what speaks to AWS knows nothing of rotation"},
	{who: []string{"daemon/config"}, among: arrowOurs, only: []string{"daemon/atomicfile", "daemon/filewatch", "daemon/rotation"},
		why: "the configuration is read before anything else is there"},
	{who: []string{"daemon/guard"}, among: arrowOurs, only: []string{"daemon/api", "daemon/awsfiles", "daemon/filewatch", "helper", "store/secret"},
		why: "it takes a key in as a person would, by the daemon's own requests"},
	{who: []string{"daemon/filewatch"}, among: arrowOurs,
		why: "whose files they are, and what a change is, is for its callers"},
	{who: []string{"daemon/history"}, among: arrowOurs, only: []string{"daemon/api"},
		why: "the history holds events and nothing that makes them"},
	{who: []string{"daemon/awsfiles"}, among: arrowOurs, only: []string{"daemon/atomicfile", "store/secret", "store/failpoint"},
		why: "the AWS files never steer the daemon"},
	{who: []string{"daemon/awsfiles/shapes"}, among: arrowOurs,
		why: "the shapes know no reader and no editor"},
	{who: []string{"..."}, never: []string{"daemon/awsfiles/shapes"},
		why: "the shapes are for tests"},
	{who: []string{"daemon/scan"}, among: arrowOurs, only: []string{"store/secret"},
		why: "what a text holds has nothing to do with where it lies"},
	{who: []string{"daemon/scan/..."}, among: arrowOurs, only: []string{"daemon/scan", "store/secret"},
		why: "a search reads, and knows no daemon"},
	{who: []string{"daemon/atomicfile"}, among: arrowOurs,
		why: "a leaf"},
	{who: []string{"daemon/explore"}, among: arrowOurs, only: []string{"daemon/rotation", "store", "store/secret"},
		why: "the search plays the machine and the store, nothing around them"},
	{who: []string{"daemon/fleet"}, among: arrowOurs, only: []string{"daemon/rotation", "daemon/config", "store/secret"},
		why: "a fleet is the machine under its settings"},
	{who: []string{"daemon/awstest"}, among: arrowOurs,
		why: "the emulator must not agree with us by sharing our code"},
	{who: []string{"daemon/awstest"}, among: arrowOthers,
		why: "the emulator must not agree with the SDK by sharing its code"},
	{who: []string{"daemon/rotation"}, among: arrowOurs, only: []string{"store/secret"},
		why: "the state machine is pure: no AWS, no keychain"},
	{who: []string{"daemon/rotation"}, among: arrowOthers, only: []string{"github.com/adhocore/gronx"},
		why: "the state machine is pure: no AWS, no keychain"},
	{who: []string{"daemon/rotation"}, among: arrowStd,
		only: []string{"bytes", "cmp", "encoding/*", "errors", "fmt", "hash", "hash/*", "io", "iter", "maps", "math", "math/bits",
			"regexp", "slices", "sort", "strconv", "strings", "time", "unicode", "unicode/*"},
		why: "the state machine is pure: no file, network, goroutine or chance"},

	{who: []string{"store/..."}, among: arrowOurs, only: []string{"store/..."},
		why: "the store knows names, bytes and keychain trouble, and nothing of rotation"},
	{who: []string{"store"}, among: arrowOurs, only: []string{"store/secret", "store/failpoint"},
		why: "the store's interface stands above the keychains, not on them"},
	{who: []string{"store/secret", "store/failpoint", "store/keychain/busguard"}, among: arrowOurs,
		why: "a leaf: everybody may import it, and it must begin before all others"},
	{who: []string{"helper/..."}, among: arrowOurs,
		why: "each credential_process run pays for what the helper links"},
	{who: []string{"packaging/..."}, except: []string{"packaging/manual"}, among: arrowOurs, only: []string{"packaging/...", "helper"},
		why: "registering the service needs to know where things lie, no more"},
	{who: []string{"packaging/manual"}, among: arrowOurs, only: []string{"daemon/config"},
		why: "the manual asks the programs what they do; of their insides it needs the settings alone"},
	{who: []string{"..."}, never: []string{"packaging/manual"},
		why: "the manual is made from the programs, and never part of one"},

	{who: []string{"..."}, except: []string{"cmd/awskey"}, never: []string{"daemon/awstest"},
		why: "the emulator is for tests and the demo"},
	{who: []string{"..."}, except: []string{"daemon/awsapi"}, never: []string{"github.com/aws/..."},
		why: "one package imports the AWS SDK"},
	{who: []string{"..."}, except: []string{"store/keychain"}, never: []string{"github.com/99designs/..."},
		why: "one package imports the keyring library, whose very import calls the session bus"},
	{who: []string{"..."}, except: []string{"cmd/awskey", "cmd/awskey/..."}, never: []string{"github.com/spf13/..."},
		why: "the command line's framework is for what a person types"},
	{who: []string{"..."}, except: []string{"packaging/service"}, never: []string{"github.com/kardianos/..."},
		why: "one package runs under the service library"},
	{who: []string{"cmd/e2e"}, among: arrowOurs, only: []string{"..."},
		why: "the end-to-end tests are tests"},
}

// arrowPackage is a package as go list tells of it; ours without the module.
type arrowPackage struct {
	kind    string
	imports []string
}

type arrowGraph map[string]arrowPackage

// check tells what the rules refuse, each with the way that leads there.
func (g arrowGraph) check(rules []arrowRule) []string {
	var found []string
	for _, from := range g.ours() {
		var known bool
		for _, r := range rules {
			if !matchArrow(from, r.who) || matchArrow(from, r.except) {
				continue
			}
			known = known || r.among == arrowOurs
			for _, way := range g.ways(from, r.far) {
				to := way[len(way)-1]
				if matchArrow(to, r.never) || r.among != "" && g[to].kind == r.among && !matchArrow(to, r.only) {
					found = append(found, strings.Join(way, " → ")+": "+r.why)
				}
			}
		}
		if !known {
			found = append(found, from+" has no rule: say in arrowRules what of ours it may import")
		}
	}
	return found
}

func (g arrowGraph) ours() []string {
	var names []string
	for name, p := range g {
		if p.kind == arrowOurs {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ways returns a shortest way to each package that from imports, by name or,
// if far, at all.
func (g arrowGraph) ways(from string, far bool) [][]string {
	var ways [][]string
	seen := map[string]bool{from: true}
	for queue := [][]string{{from}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, to := range g[at[len(at)-1]].imports {
			if !seen[to] && (far || len(at) == 1) {
				seen[to] = true
				way := append(slices.Clone(at), to)
				ways, queue = append(ways, way), append(queue, way)
			}
		}
	}
	return ways
}

func matchArrow(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		below, isTree := strings.CutSuffix(pattern, "...")
		if !isTree {
			ok, err := path.Match(pattern, name)
			return ok && err == nil
		}
		// A tree may hang from a pattern (daemon/*/...): match as many elements.
		elements := strings.Split(name, "/")
		n := strings.Count(below, "/")
		if n > len(elements) {
			return false
		}
		ok, err := path.Match(strings.TrimSuffix(below, "/"), strings.Join(elements[:n], "/"))
		return ok && err == nil
	})
}

// listArrows asks the go command what our packages import on a system, without
// C code: what is not listed there, such as tests, is not looked at.
func listArrows(system string) (arrowGraph, error) {
	list := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports", "./...")
	list.Dir = "../.."
	list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w\n%s", list.Args, err, &stderr)
	}
	g := arrowGraph{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Standard   bool
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return g, nil
		} else if err != nil {
			return nil, err
		}
		name, isOurs := strings.CutPrefix(p.ImportPath, ourModule)
		kind := arrowOthers
		switch {
		case isOurs:
			kind = arrowOurs
		case p.Standard:
			kind = arrowStd
		}
		for i, to := range p.Imports {
			p.Imports[i] = strings.TrimPrefix(to, ourModule)
		}
		g[name] = arrowPackage{kind, p.Imports}
	}
}

func TestArrows(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows", "freebsd"} {
		t.Run(system, func(t *testing.T) {
			g, err := listArrows(system)
			if err != nil {
				t.Fatal(err)
			}
			for _, program := range threePrograms {
				if len(g[program].imports) == 0 {
					t.Errorf("%s is not there, or imports nothing", program)
				}
			}
			for _, found := range g.check(arrowRules) {
				t.Error(found)
			}
		})
	}
}

// Every rule finds the arrow it is for, in a graph where nothing else is wrong.
func TestArrowsAreFound(t *testing.T) {
	allowed := func() arrowGraph {
		return arrowGraph{
			"cmd/awskey-helper":             {arrowOurs, []string{"helper", "os"}},
			"cmd/awskey":                    {arrowOurs, []string{"daemon/api", "daemon/awstest", "helper", "github.com/spf13/cobra"}},
			"cmd/awskeyd":                   {arrowOurs, []string{"daemon", "store/keychain"}},
			"daemon":                        {arrowOurs, []string{"daemon/api", "daemon/awsapi", "daemon/rotation", "store"}},
			"daemon/api":                    {arrowOurs, []string{"helper"}},
			"daemon/awsapi":                 {arrowOurs, []string{"github.com/aws/smithy-go"}},
			"daemon/awstest":                {arrowOurs, []string{"os"}},
			"daemon/rotation":               {arrowOurs, []string{"store/secret", "time"}},
			"store":                         {arrowOurs, []string{"store/secret", "store/failpoint"}},
			"store/keychain":                {arrowOurs, []string{"store", "store/keychain/busguard", "github.com/99designs/keyring"}},
			"store/keychain/busguard":       {arrowOurs, []string{"os"}},
			"store/secret":                  {arrowOurs, nil},
			"store/failpoint":               {arrowOurs, []string{"os"}},
			"helper":                        {arrowOurs, []string{"os"}},
			"packaging/service":             {arrowOurs, []string{"github.com/kardianos/service"}},
			"cmd/e2e":                       {arrowOurs, nil},
			"os":                            {arrowStd, nil},
			"time":                          {arrowStd, nil},
			"github.com/spf13/cobra":        {arrowOthers, nil},
			"github.com/aws/smithy-go":      {arrowOthers, nil},
			"github.com/99designs/keyring":  {arrowOthers, nil},
			"github.com/kardianos/service":  {arrowOthers, nil},
			"github.com/stranger/somewhere": {arrowOthers, nil},
		}
	}
	if found := allowed().check(arrowRules); len(found) > 0 {
		t.Fatalf("refused, though allowed: %q", found)
	}
	concrete := func(pattern string) string {
		return strings.TrimPrefix(strings.ReplaceAll(strings.ReplaceAll(pattern, "/...", "/x"), "*", "x"), "...")
	}
	strangers := map[string]string{arrowOurs: "cmd/e2e", arrowStd: "os", arrowOthers: "github.com/stranger/somewhere"}
	for _, r := range arrowRules {
		if slices.Equal(r.only, []string{"..."}) {
			continue // allows everything
		}
		targets := r.never
		if r.among != "" {
			targets = []string{strangers[r.among]}
		}
		for _, who := range r.who {
			for _, to := range targets {
				g, from, to := allowed(), concrete(who), concrete(to)
				if from == "" {
					from = "daemon/api"
				}
				if _, ok := g[to]; !ok {
					g[to] = arrowPackage{kind: arrowOthers}
				}
				if r.far { // hide the arrow behind another package
					g["between"] = arrowPackage{arrowOthers, []string{to}}
					to = "between"
				}
				p := g[from]
				g[from] = arrowPackage{arrowOurs, append(slices.Clone(p.imports), to)}
				if found := g.check(arrowRules); !slices.ContainsFunc(found, func(f string) bool {
					return strings.HasPrefix(f, from+" → ") && strings.HasSuffix(f, r.why)
				}) {
					t.Errorf("%s → %s was not found by the rule %q, only %q", from, to, r.why, found)
				}
			}
		}
	}
	g := allowed()
	g["closet"] = arrowPackage{kind: arrowOurs}
	if found := g.check(arrowRules); len(found) != 1 || !strings.Contains(found[0], "closet has no rule") {
		t.Errorf("a package without a rule: %q", found)
	}
}
