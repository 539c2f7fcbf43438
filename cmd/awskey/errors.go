package main

import (
	"errors"

	"github.com/awskeyd/awskeyd/daemon/api"
	"github.com/awskeyd/awskeyd/helper"
)

// fail is the one place where an error becomes text or JSON and an exit code.
func (a *app) fail(err error) int {
	if err == nil {
		return helper.ExitOK
	}
	if code, ok := errors.AsType[silent](err); ok {
		return int(code)
	}
	e := asError(err)
	if a.json {
		a.document(struct {
			Error *api.Error `json:"error"`
		}{e})
		return e.Exit
	}
	prefix := "awskey: "
	if e.Code == "not-built" { // its message begins with the words that were typed
		prefix = ""
	}
	_, _ = a.stderr.WriteString(prefix + printable(e.Error()) + "\n") // nobody is left to tell
	return e.Exit
}

// silent is an exit code of which all was said in the answer itself.
type silent int

func (s silent) Error() string { return "see above" }

// asError gives every failure a code and an exit code. Those that came from
// the daemon have both.
func asError(err error) *api.Error {
	var e *api.Error
	var h *helper.Error
	switch {
	case isCode(err, "cancelled"): // by Ctrl-C, in the middle of a request
		return &api.Error{Code: "stopped", Message: "stopped before the answer came", Remedy: "awskey status shows how things stand", Exit: helper.ExitFailed}
	case errors.As(err, &e):
		if e.Exit == helper.ExitOK {
			e.Exit = helper.ExitFailed
		}
		return e
	case errors.As(err, &h):
		return &api.Error{Code: h.Code, Message: h.Message, Remedy: h.Remedy, Exit: h.Exit}
	}
	return &api.Error{Code: "failed", Message: err.Error(), Exit: helper.ExitFailed}
}

// exitOf is the exit code that err would end awskey with.
func exitOf(err error) int {
	if err == nil {
		return helper.ExitOK
	}
	return asError(err).Exit
}

// isCode tells whether err is the daemon's error of that code.
func isCode(err error, code string) bool {
	var e *api.Error
	return errors.As(err, &e) && e.Code == code
}
