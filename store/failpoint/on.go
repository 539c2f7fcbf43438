//go:build failpoints

package failpoint

import (
	"errors"
	"os"
	"sync"
)

// steering guards the rules in force.
var steering struct {
	sync.Mutex
	rules *rules
}

// At is passed.
func At(point string) {
	if text, fails := pass(point); fails {
		panic(badRule + point + " cannot return an error (" + text + ")")
	}
}

// Each is At for the point "point.kind".
func Each(point, kind string) { At(point + "." + kind) }

// Err is At where the code around it can fail, and returns the error to fail
// with; nil to go on.
func Err(point string) error {
	if text, fails := pass(point); fails {
		return errors.New(text)
	}
	return nil
}

// badRule begins what a wrong steering file ends the program with. A release
// holds no such text.
const badRule = "awskeyd failpoints: "

// pass notes that a point is passed and does what the rules say. Whatever is
// wrong with them ends the program: a test that steers nothing proves nothing.
func pass(point string) (text string, fails bool) {
	path := os.Getenv("AWSKEYD_FAILPOINTS")
	if path == "" {
		return "", false
	}
	steering.Lock()
	defer steering.Unlock()
	source, err := os.ReadFile(path)
	if err == nil && (steering.rules == nil || steering.rules.source != string(source)) {
		steering.rules, err = parse(string(source))
	}
	if err == nil {
		err = note(path+".passed", point)
	}
	if err != nil {
		panic(badRule + err.Error())
	}
	switch r := steering.rules.pass(point); r.action {
	case kill:
		end()
	case stop:
		freeze()
	case fail:
		return r.text, true
	}
	return "", false
}

// note adds one line by one write, so that none is lost at a kill: what the
// kernel has taken stays.
func note(path, point string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(point + "\n")
	return err
}

// end kills this very process. Another thread may take the signal, and this one
// must not get any further meanwhile.
func end() {
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		panic(badRule + err.Error())
	}
	select {}
}
