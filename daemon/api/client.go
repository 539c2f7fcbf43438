package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/awskeyd/awskeyd/helper"
)

const (
	dialWithin = 4 * time.Second
	askWithin  = workWithin + 2*writeWithin // if the caller's context says nothing; the daemon gives up first
	maxAnswer  = 32 << 20                   // a history can be long
)

// Client asks the daemon for what [Service] promises; every error is an
// *[Error]. It may be used by several goroutines.
type Client struct {
	// Waiting, if set before the first request, is called when one for a document
	// begins, with its path, and what it returns when it has ended.
	Waiting func(path string) (end func())

	http *http.Client
}

var _ Service = (*Client)(nil)

// Dial returns a client of the daemon at the addresses that env names. It does
// not connect yet: with no daemon, each request fails with exit code 3.
func Dial(env helper.Env) *Client {
	return NewClient(func(ctx context.Context) (net.Conn, error) {
		within := dialWithin
		if d, ok := ctx.Deadline(); ok {
			within = min(within, time.Until(d))
		}
		fd, err := helper.Dial(env, helper.Now()+helper.Moment(within))
		if err != nil {
			return nil, err
		}
		f := os.NewFile(fd, "awskeyd")
		defer f.Close()
		return net.FileConn(f)
	})
}

// NewClient returns a client of the daemon behind the connections that dial
// makes. Whose daemon that is, dial must have made sure of.
func NewClient(dial func(context.Context) (net.Conn, error)) *Client {
	transport := &http.Transport{
		DisableCompression: true,
		IdleConnTimeout:    10 * time.Second,
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}
	return &Client{http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Credentials returns what the helper would write to standard output.
func (c *Client) Credentials(profile string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialWithin)
	defer cancel()
	return c.ask(ctx, "GET", "/v1/credentials/"+url.PathEscape(profile), nil)
}

// Status returns all that there is to know at a glance.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "GET", "/v1/status", nil)
}

// Standing tells how access keys stand at AWS that are not ours.
func (c *Client) Standing(ctx context.Context, r StandingRequest) (Standings, error) {
	return get[Standings](ctx, c, "POST", "/v1/standing", r)
}

// Identify tells whose an access key is.
func (c *Client) Identify(ctx context.Context, r IdentifyRequest) (Identity, error) {
	return get[Identity](ctx, c, "POST", "/v1/identify", r)
}

// Key returns one key.
func (c *Client) Key(ctx context.Context, name string) (Key, error) {
	return get[Key](ctx, c, "GET", keyPath(name, ""), nil)
}

// Add takes a key in.
func (c *Client) Add(ctx context.Context, name string, r AddRequest) (AddResult, error) {
	return get[AddResult](ctx, c, "PUT", keyPath(name, ""), r)
}

// Remove forgets a key.
func (c *Client) Remove(ctx context.Context, name string, r RemoveRequest) (RemoveResult, error) {
	return get[RemoveResult](ctx, c, "DELETE", keyPath(name, ""), r)
}

// Rename gives a key another name.
func (c *Client) Rename(ctx context.Context, name string, r RenameRequest) (Key, error) {
	return get[Key](ctx, c, "POST", keyPath(name, "/rename"), r)
}

// Rotate begins a rotation and returns at once.
func (c *Client) Rotate(ctx context.Context, name string, r RotateRequest) (Key, error) {
	return get[Key](ctx, c, "POST", keyPath(name, "/rotate"), r)
}

// Rollback begins to go back to the earlier access key and returns at once.
func (c *Client) Rollback(ctx context.Context, name string) (Key, error) {
	return get[Key](ctx, c, "POST", keyPath(name, "/rollback"), nil)
}

// Pause freezes every step that changes IAM.
func (c *Client) Pause(ctx context.Context, name string) (Key, error) {
	return get[Key](ctx, c, "POST", keyPath(name, "/pause"), nil)
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context, name string) (Key, error) {
	return get[Key](ctx, c, "POST", keyPath(name, "/resume"), nil)
}

// Resolve settles a hold.
func (c *Client) Resolve(ctx context.Context, name string, r ResolveRequest) (Key, error) {
	return get[Key](ctx, c, "POST", keyPath(name, "/resolve"), r)
}

// Check asks AWS what could keep a key from being rotated.
func (c *Client) Check(ctx context.Context, name string) (Checked, error) {
	return get[Checked](ctx, c, "POST", keyPath(name, "/check"), nil)
}

// Eject freezes a key's rotation and returns its current access key.
func (c *Client) Eject(ctx context.Context, name string) (Ejected, error) {
	return get[Ejected](ctx, c, "POST", keyPath(name, "/eject"), nil)
}

// Policy returns the least IAM policy for a key.
func (c *Client) Policy(ctx context.Context, name string) (Policy, error) {
	return get[Policy](ctx, c, "GET", keyPath(name, "/policy"), nil)
}

// Users lists the IAM users that a key's own user may list.
func (c *Client) Users(ctx context.Context, name string) (Users, error) {
	return get[Users](ctx, c, "GET", keyPath(name, "/users"), nil)
}

// History returns what happened, oldest first.
func (c *Client) History(ctx context.Context, name string, limit int) ([]Event, error) {
	return get[[]Event](ctx, c, "GET", "/v1/history?"+url.Values{"key": {name}, "limit": {strconv.Itoa(limit)}}.Encode(), nil)
}

// Lock makes the daemon forget every secret.
func (c *Client) Lock(ctx context.Context) (Store, error) {
	return get[Store](ctx, c, "POST", "/v1/lock", nil)
}

// Unlock opens the store again. It waits for a person as long as the daemon
// does, or until ctx ends.
func (c *Client) Unlock(ctx context.Context) (Store, error) {
	ctx, cancel := context.WithTimeout(ctx, unlockWithin+2*writeWithin)
	defer cancel()
	return get[Store](ctx, c, "POST", "/v1/unlock", nil)
}

// Backends returns what can hold keys here.
func (c *Client) Backends(ctx context.Context) ([]Backend, error) {
	return get[[]Backend](ctx, c, "GET", "/v1/store/backends", nil)
}

// Choose puts a backend into force.
func (c *Client) Choose(ctx context.Context, r ChooseRequest) (Backend, error) {
	return get[Backend](ctx, c, "PUT", "/v1/store/backend", r)
}

// Migrate begins to move every key to another store and returns at once.
func (c *Client) Migrate(ctx context.Context, r MigrateRequest) (Migration, error) {
	return get[Migration](ctx, c, "POST", "/v1/store/migrate", r)
}

// Migration returns how far the last move is.
func (c *Client) Migration(ctx context.Context) (Migration, error) {
	return get[Migration](ctx, c, "GET", "/v1/store/migrate", nil)
}

// Events delivers what happens from now on, until ctx ends or the daemon ends
// the stream; then the channel is closed. The caller ends ctx when it stops
// reading.
func (c *Client) Events(ctx context.Context) (<-chan Event, error) {
	response, err := c.send(ctx, "GET", "/v1/events", nil)
	if err != nil {
		return nil, err
	}
	events := make(chan Event)
	go func() {
		defer close(events)
		defer response.Body.Close()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
			var event Event
			if !ok || json.Unmarshal(data, &event) != nil {
				continue // the empty line after each event
			}
			select {
			case events <- event:
			case <-ctx.Done():
				return
			}
		}
	}()
	return events, nil
}

func keyPath(name, action string) string {
	return "/v1/keys/" + url.PathEscape(name) + action
}

// get asks and takes the answer's document apart.
func get[T any](ctx context.Context, c *Client, method, path string, request any) (document T, err error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, askWithin)
		defer cancel()
	}
	if c.Waiting != nil {
		defer c.Waiting(path)()
	}
	body, err := c.ask(ctx, method, path, request)
	defer clear(body) // one answer holds a secret
	if err == nil && json.Unmarshal(body, &document) != nil {
		err = NewError(helper.ExitFailed, "bad-answer", "the daemon's answer is not the expected document", differ)
	}
	return document, err
}

const differ = "awskey and awskeyd may be of different versions; compare: awskey version"

// ask returns the whole body of a good answer.
func (c *Client) ask(ctx context.Context, method, path string, request any) ([]byte, error) {
	response, err := c.send(ctx, method, path, request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return readAll(response.Body)
}

// send returns a good answer, its body unread, or the error that the daemon
// or the way to it gave.
func (c *Client) send(ctx context.Context, method, path string, document any) (*http.Response, error) {
	var body io.Reader
	if document != nil {
		text, err := json.Marshal(document)
		if err != nil {
			return nil, NewError(helper.ExitFailed, "internal", "the request cannot be written as JSON", "")
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://awskeyd"+path, body)
	if err != nil {
		return nil, NewError(helper.ExitUsage, "bad-request", "cannot ask the daemon: "+err.Error(), "")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fromTransport(err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	e := &Error{Status: response.StatusCode, Exit: helper.ExitFailed}
	if text, err := readAll(response.Body); err != nil || json.Unmarshal(text, e) != nil || e.Message == "" {
		return nil, NewError(helper.ExitFailed, "bad-answer", "the daemon answered with status "+strconv.Itoa(response.StatusCode), differ)
	}
	if exit, err := strconv.Atoi(response.Header.Get(headerExit)); err == nil && exit >= helper.ExitFailed && exit <= helper.ExitHeld {
		e.Exit = exit
	}
	return nil, e
}

func readAll(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err != nil {
		return nil, fromTransport(err)
	}
	if len(body) > maxAnswer {
		return nil, NewError(helper.ExitFailed, "bad-answer", "the daemon's answer is too long", "")
	}
	return body, nil
}

// fromTransport gives an error on the way to the daemon its form for a person.
func fromTransport(err error) error {
	if e, ok := errors.AsType[*helper.Error](err); ok {
		return fromHelper(e)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return NewError(helper.ExitFailed, "timeout", "the daemon did not answer in time", "if this goes on, stop awskeyd and type: awskeyd run")
	}
	if errors.Is(err, context.Canceled) {
		return NewError(helper.ExitFailed, "cancelled", "the request to the daemon was cancelled", "")
	}
	// Never the transport's own text: it quotes what was answered.
	why := "what answers at its socket is not awskeyd"
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		why = errno.Error()
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		why = "it ended early"
	}
	return NewError(helper.ExitFailed, "socket", "the connection to the daemon broke: "+why, "try again; if it goes on, see: awskey logs")
}

func fromHelper(err error) error {
	if e, ok := errors.AsType[*helper.Error](err); ok {
		return NewError(e.Exit, e.Code, e.Message, e.Remedy)
	}
	return NewError(helper.ExitFailed, "socket", err.Error(), "")
}
