//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
