//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The floors: what no helper can be faster than, in C and in Go, and what one
// would take that is written with the usual packages.
var floors = []struct{ name, kind, source string }{
	{"empty C program", "c", "int main(void){return 0;}\n"},
	{"C program that asks", "c", `#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(void) {
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	strncpy(a.sun_path, getenv("BENCH_SOCKET"), sizeof a.sun_path - 1);
	const char *r = "GET /v1/credentials/work HTTP/1.0\r\n\r\n";
	char b[4096];
	ssize_t n;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(fd, (void *)&a, sizeof a) || write(fd, r, strlen(r)) < 0) return 1;
	while ((n = read(fd, b, sizeof b)) > 0)
		if (write(1, b, n) < 0) return 1;
	return 0;
}
`},
	{emptyGo, "go", "package main\n\nfunc main() {}\n"},
	{"Go client by net", "go", `package main

import (
	"io"
	"net"
	"os"
)

func main() {
	c, err := net.Dial("unix", os.Getenv("BENCH_SOCKET"))
	if err != nil {
		os.Exit(1)
	}
	io.WriteString(c, "GET /v1/credentials/work HTTP/1.0\r\n\r\n")
	io.Copy(os.Stdout, c)
}
`},
	{"Go client by net_http", "go", `package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	c := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", os.Getenv("BENCH_SOCKET"))
	}}}
	r, err := c.Get("http://localhost/v1/credentials/work")
	if err != nil {
		os.Exit(1)
	}
	io.Copy(os.Stdout, r.Body)
}
`},
}

const (
	emptyGo = "empty Go program"
	helper  = "awskey-helper"
)

// build makes our programs and the floors with the flags of a release. Without a
// C compiler there are no floors in C.
func (b *bench) build() error {
	if err := os.Mkdir(filepath.Join(b.dir, "programs"), 0o755); err != nil {
		return err
	}
	if err := gobuild(b.program("")+"/", "./cmd/awskey", "./cmd/awskey-helper", "./cmd/awskeyd"); err != nil {
		return err
	}
	for _, f := range floors {
		source := filepath.Join(b.dir, "floor."+f.kind)
		if err := os.WriteFile(source, []byte(f.source), 0o600); err != nil {
			return err
		}
		if f.kind == "go" {
			if err := gobuild(b.program(f.name), source); err != nil {
				return err
			}
			continue
		}
		if out, err := exec.Command("cc", "-O2", "-static", "-s", "-o", b.program(f.name), source).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "bench goes on without the %s: %v %s\n", f.name, err, out)
		}
	}
	return nil
}

func gobuild(to string, from ...string) error {
	build := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags=-s -w", "-buildvcs=false", "-o", to}, from...)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", build.Args, err, out)
	}
	return nil
}

const runs = 300 // of each program

// helpers runs every program in turn.
func (b *bench) helpers() error {
	stop, err := b.canned()
	if err != nil {
		return err
	}
	defer stop()
	if out, err := b.command(b.program(helper), "work").Output(); err != nil || !bytes.Equal(out, answer) {
		return fmt.Errorf("the helper printed %q, %w", out, errors.Join(err))
	}
	var names []string
	for _, f := range floors {
		if _, err := os.Stat(b.program(f.name)); err == nil {
			names = append(names, f.name)
		}
	}
	names = append(names, helper)
	times, peaks := map[string][]time.Duration{}, map[string]float64{}
	for i := range runs + 5 {
		for _, name := range names {
			cmd := b.command(b.program(name), "work") // its output goes to the null device
			began := time.Now()
			err := cmd.Run()
			took := time.Since(began)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if i < 5 {
				continue // the first ones read the program from the disk
			}
			times[name] = append(times[name], took)
		}
	}
	for _, name := range names {
		for range 5 {
			mib, err := peak(b.command(b.program(name), "work"))
			if err != nil {
				return err
			}
			peaks[name] = max(peaks[name], mib)
		}
	}
	var empty, ours figure
	for _, name := range names {
		f := spread(name, times[name], "ms", time.Millisecond)
		f.Name = strings.ReplaceAll(name, "_", "/") // a file has no slash in its name
		f.Peak = peaks[name]
		if info, err := os.Stat(b.program(name)); err == nil {
			f.Size = float64(info.Size()) / (1 << 20)
		}
		switch name {
		case emptyGo:
			empty = f
		case helper:
			ours = f
		}
		b.note(f)
	}
	ratio := figure{Name: "helper over empty Go", Unit: "×", Min: ours.Min / empty.Min, Median: ours.Median / empty.Median, P99: ours.P99 / empty.P99}
	b.atMost(ratio, 1.30, "a round trip, its own command line from /proc, the environment, the checks of folder and peer")
	ratio.Name += " (the hope)"
	b.atMost(ratio, 1.15, "see the C program that asks beside the empty one: the round trip alone is most of it")
	if counted, err := b.instructions(b.program(emptyGo)); err != nil {
		return err
	} else if counted > 0 {
		own, err := b.instructions(b.program(helper))
		if err != nil {
			return err
		}
		b.note(figure{Name: "instructions of the helper over those of empty Go, outside of the kernel", Unit: "×", Median: own / counted, Why: fmt.Sprintf("%.0f over %.0f", own, counted)})
	}
	b.atMost(figure{Name: "helper, peak", Unit: "MiB", Median: ours.Peak}, 2.5, "")
	b.atMost(figure{Name: "helper, stripped", Unit: "MiB", Median: ours.Size}, 1.6, "")
	return nil
}

const crowdSize = 1000

// crowd starts 1,000 helpers at once and 1,000 empty programs, in turn.
func (b *bench) crowd() error {
	stop, err := b.canned()
	if err != nil {
		return err
	}
	defer stop()
	both := map[string][]time.Duration{}
	for range 3 {
		for _, name := range []string{emptyGo, helper} {
			took, err := b.atOnce(name)
			if err != nil {
				return err
			}
			both[name] = append(both[name], took)
		}
	}
	empty, ours := spread("1,000 empty Go programs at once", both[emptyGo], "ms", time.Millisecond), spread("1,000 helpers at once", both[helper], "ms", time.Millisecond)
	ours.Why = fmt.Sprintf("%d answered, none refused", len(both[helper])*crowdSize) // or there were an error
	b.note(empty)
	b.note(ours)
	b.atMost(figure{Name: "1,000 helpers over 1,000 empty", Unit: "×", Min: ours.Min / empty.Min, Median: ours.Median / empty.Median}, 1.2,
		"the daemon has its share of the same processors, and there is a round trip in each")
	return nil
}

func (b *bench) atOnce(name string) (time.Duration, error) {
	began := time.Now()
	var all []*exec.Cmd
	var failed error
	for range crowdSize {
		cmd := b.command(b.program(name), "work")
		if err := cmd.Start(); err != nil {
			failed = err
			break
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			failed = fmt.Errorf("one of %d: %w", crowdSize, err)
		}
	}
	return time.Since(began), failed
}
