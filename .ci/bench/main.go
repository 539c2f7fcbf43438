// Bench prints, measured in one run, how long awskey-helper takes beside a Go
// program that does nothing, and how many credentials a second the socket
// gives. The socket is the daemon's own with a canned answer behind it: the
// daemon serves from memory, so keychain and AWS have no part in either number.
//
// It must never touch the user's daemon, and tests nothing: only wrong answers
// make it fail, never slow ones.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awskeyd/awskeyd/daemon/api"
)

const (
	runs     = 200 // of each program
	clients  = 8   // at once, each with a new connection for each request, as the helper makes them
	duration = 3 * time.Second
)

var answer = []byte(`{"Version":1,"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY","Expiration":"2030-01-01T00:00:00Z","AccountId":"123456789012"}` + "\n")

// canned is a daemon that knows one answer.
type canned struct{ api.Service }

func (canned) Credentials(string) ([]byte, error) { return bytes.Clone(answer), nil }

func main() {
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench() (err error) {
	dir, err := os.MkdirTemp("", "awskeyd-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	helper, empty, err := build(dir)
	if err != nil {
		return err
	}

	socket := filepath.Join(dir, "run", "socket")
	l, err := api.Listen(socket)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- api.Serve(ctx, l, canned{}, slog.New(slog.DiscardHandler)) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()

	if err := compare(helper, empty, socket); err != nil {
		return err
	}
	return rate(socket)
}

// build makes the helper and the empty program with the flags of a release.
func build(dir string) (helper, empty string, err error) {
	helper, empty = filepath.Join(dir, "awskey-helper"), filepath.Join(dir, "empty")
	source := filepath.Join(dir, "empty.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		return "", "", err
	}
	for program, from := range map[string]string{helper: "./cmd/awskey-helper", empty: source} {
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-buildvcs=false", "-o", program, from)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return "", "", fmt.Errorf("%v: %w\n%s", build.Args, err, out)
		}
	}
	return helper, empty, nil
}

// compare runs both programs in turn, so that what else the machine does falls
// on both alike.
func compare(helper, empty, socket string) error {
	var helped, nothing []time.Duration
	for range runs {
		out, took, err := run(socket, helper, "work")
		if err != nil {
			return err
		}
		if !bytes.Equal(out, answer) {
			return fmt.Errorf("the helper printed %q", out)
		}
		helped = append(helped, took)
		if _, took, err = run(socket, empty); err != nil {
			return err
		}
		nothing = append(nothing, took)
	}
	slices.Sort(helped)
	slices.Sort(nothing)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	fmt.Printf("%d runs of each in turn   least      median\n", runs)
	for _, row := range []struct {
		name  string
		times []time.Duration
	}{{"awskey-helper", helped}, {"an empty Go program", nothing}} {
		fmt.Printf("%-22s %6.2f ms   %6.2f ms\n", row.name, ms(row.times[0]), ms(row.times[runs/2]))
	}
	fmt.Printf("%-22s %6.2f      %6.2f\n", "one over the other",
		ms(helped[0])/ms(nothing[0]), ms(helped[runs/2])/ms(nothing[runs/2]))
	return nil
}

func run(socket, program string, args ...string) (stdout []byte, took time.Duration, err error) {
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"AWSKEYD_SOCKET=" + socket}
	var out, failure bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failure
	start := time.Now()
	err = cmd.Run()
	took = time.Since(start)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w: %s", program, err, &failure)
	}
	return out.Bytes(), took, nil
}

// rate counts the good answers that clients get in a while.
func rate(socket string) error {
	var good atomic.Int64
	failed := make(chan error, clients)
	var all sync.WaitGroup
	start := time.Now()
	for range clients {
		all.Go(func() {
			for time.Since(start) < duration {
				if err := ask(socket); err != nil {
					failed <- err
					return
				}
				good.Add(1)
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	select {
	case err := <-failed:
		return err
	default:
	}
	fmt.Printf("%.0f credentials a second over the socket, %d clients at once, a connection each\n",
		float64(good.Load())/took.Seconds(), clients)
	return nil
}

func ask(socket string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "GET /v1/credentials/work HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	if !bytes.HasSuffix(got, append([]byte("\r\n\r\n"), answer...)) {
		return fmt.Errorf("the socket answered %q", got)
	}
	return nil
}
