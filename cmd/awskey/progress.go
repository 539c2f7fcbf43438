package main

import (
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// showAfter is how long a person looks at a screen that says nothing.
const showAfter = 200 * time.Millisecond

// progress is one line of a terminal which says what a person waits for. It comes
// when nothing was said for a while, and is gone before anything else is written. It
// goes where diagnostics go; a nil one shows nothing.
type progress struct {
	app   *app
	out   *os.File
	text  func() string
	began time.Time
	over  chan struct{}
	ended chan struct{}

	mu    sync.Mutex // held while anything is written
	shown bool
	quiet time.Time // since when
}

// waits shows text until end is called, where a person looks and no other progress is
// shown.
func (a *app) waits(text func() string) *progress {
	if !term.IsTerminal(int(a.stderr.Fd())) || a.env("TERM") == "dumb" {
		return nil
	}
	now := time.Now()
	p := &progress{app: a, out: a.stderr, text: text, began: now, quiet: now, over: make(chan struct{}), ended: make(chan struct{})}
	if !a.progress.CompareAndSwap(nil, p) {
		return nil
	}
	go p.run()
	return p
}

// while is waits for what do does.
func (a *app) while(text string, do func() error) error {
	p := a.waits(func() string { return text })
	defer p.end()
	return do()
}

// forService is waits for a request to the daemon; but for those at which a keychain
// may ask on this very terminal.
func (a *app) forService(path string) (end func()) {
	if path == "/v1/unlock" || strings.HasPrefix(path, "/v1/store/") {
		return func() {}
	}
	return a.waits(func() string { return "waiting for the service" }).end
}

func (p *progress) run() {
	defer close(p.ended)
	tick := time.NewTicker(showAfter / 4)
	defer tick.Stop()
	for {
		select {
		case <-p.over:
			p.above(func() {})
			return
		case <-tick.C:
			p.show()
		}
	}
}

// show writes the line once it is time, and anew from then on.
func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.quiet) < showAfter {
		return
	}
	text := p.text()
	if waited := now.Sub(p.began); waited >= 2*time.Second {
		text += ", " + span(waited)
	}
	width := columns
	if w, _, err := term.GetSize(int(p.out.Fd())); err == nil && w > 0 {
		width = w
	}
	p.shown, p.quiet = true, now
	_, _ = p.out.WriteString("\r\x1b[K" + cut(printable(text), max(width-1, 1))) // a line that wraps does not go away
}

// above writes what stays, in place of the line: whatever the app prints goes
// through here.
func (p *progress) above(say func()) {
	if p == nil {
		say()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		_, _ = p.out.WriteString("\r\x1b[K")
		p.shown = false
	}
	p.quiet = time.Now()
	say()
}

// renew changes what the line says.
func (p *progress) renew(text string) {
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.text = func() string { return text }
	}
}

func (p *progress) end() {
	if p == nil {
		return
	}
	close(p.over)
	<-p.ended
	p.app.progress.Store(nil)
}
