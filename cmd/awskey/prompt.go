package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// person is somebody at a terminal who can be asked. Only awskey asks: what an
// SDK runs has its standard error swallowed, and looks hung
// (99designs/aws-vault#1015).
type person struct {
	in  *os.File
	out *os.File // never standard output: that is for answers
}

// person returns whoever sits at standard input, or nil. A pipe is nobody,
// even where a terminal stands behind it: scripts must not stop to ask.
func (a *app) person() *person {
	if !term.IsTerminal(int(a.stdin.Fd())) {
		return nil
	}
	p := &person{in: a.stdin, out: a.stderr}
	if !term.IsTerminal(int(a.stderr.Fd())) {
		if tty, err := os.OpenFile(consoleOut, os.O_WRONLY, 0); err == nil {
			p.out = tty
		}
	}
	return p
}

// say writes to the terminal.
func (p *person) say(text string) { _, _ = p.out.WriteString(text) }

// ask returns the line that is typed, shown as it is typed.
func (p *person) ask(ctx context.Context, question string) (string, error) {
	return p.answer(ctx, question, func() (string, error) { return readLine(p.in) })
}

// askSecret returns the line that is typed, and shows nothing of it.
func (p *person) askSecret(ctx context.Context, question string) (string, error) {
	return p.answer(ctx, question, func() (string, error) {
		b, err := term.ReadPassword(int(p.in.Fd()))
		p.say("\n")
		defer clear(b)
		return string(b), err
	})
}

// yes asks a question whose answer is no unless y or yes is typed.
func (p *person) yes(ctx context.Context, question string) (bool, error) {
	s, err := p.ask(ctx, question+" [y/N] ")
	s = strings.ToLower(s)
	return s == "y" || s == "yes", err
}

// answer reads in a goroutine that nobody can end, as a read of a terminal
// cannot be cancelled: after Ctrl-C the process is about to end. The terminal
// is restored first, or the shell would be left without echo.
func (p *person) answer(ctx context.Context, question string, read func() (string, error)) (string, error) {
	before, err := term.GetState(int(p.in.Fd()))
	if err != nil {
		return "", err
	}
	type typed struct {
		line string
		err  error
	}
	got := make(chan typed, 1)
	p.say(question)
	go func() {
		line, err := read()
		got <- typed{strings.TrimSpace(line), err}
	}()
	select {
	case <-ctx.Done():
		_ = term.Restore(int(p.in.Fd()), before)
		p.say("\n")
		return "", &api.Error{Code: "stopped", Message: "stopped; nothing was done", Exit: helper.ExitFailed}
	case t := <-got:
		if errors.Is(t.err, io.EOF) {
			p.say("\n")
			return "", &api.Error{Code: "stopped", Message: "nothing was typed; nothing was done", Exit: helper.ExitFailed}
		}
		return t.line, t.err
	}
}

// readLine reads up to the end of the line and no further: what was typed
// ahead belongs to the next question.
func readLine(f *os.File) (string, error) {
	var line []byte
	for b := make([]byte, 1); len(line) < 4096; {
		n, err := f.Read(b)
		switch {
		case n == 1 && b[0] == '\n':
			return string(line), nil
		case n == 1:
			line = append(line, b[0])
		case err == io.EOF && len(line) > 0:
			return string(line), nil
		case err != nil:
			return "", err
		}
	}
	return "", errors.New("the line that was typed has no end")
}
