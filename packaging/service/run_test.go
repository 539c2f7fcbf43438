package service_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/awskeyd/awskeyd/packaging/service"
)

// modes are further programs, which not every system has.
var modes = map[string]func(){}

// TestMain lets the test binary be the program under a service manager.
func TestMain(m *testing.M) {
	if mode := modes[os.Getenv("SERVICE_TEST")]; mode != nil {
		mode()
		return
	}
	switch os.Getenv("SERVICE_TEST") {
	case "":
		os.Exit(m.Run())
	case "fails":
		err := service.Run("awskeyd", func(context.Context) error { return errors.New("it cannot begin") })
		fmt.Println(err)
	case "stops":
		err := service.Run("awskeyd", func(ctx context.Context) error {
			fmt.Println("running")
			<-ctx.Done()
			fmt.Println("clean")
			return nil
		})
		fmt.Println(err)
	case "stuck":
		err := service.Run("awskeyd", func(ctx context.Context) error {
			fmt.Println("running")
			<-ctx.Done()
			fmt.Println("stopping")
			select {}
		})
		fmt.Println(err)
	}
}

func program(t *testing.T, mode string) (*exec.Cmd, *bufio.Scanner) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SERVICE_TEST="+mode)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func expect(t *testing.T, out *bufio.Scanner, line string) {
	t.Helper()
	if !out.Scan() || !strings.Contains(out.Text(), line) {
		t.Fatalf("it says %q, want %q", out.Text(), line)
	}
}

func TestAFailureEndsTheProgram(t *testing.T) {
	cmd, out := program(t, "fails")
	expect(t, out, "it cannot begin")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestASignalStopsCleanly(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		cmd, out := program(t, "stops")
		expect(t, out, "running")
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		expect(t, out, "clean")
		expect(t, out, "<nil>")
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestASecondSignalEndsAStuckStop(t *testing.T) {
	cmd, out := program(t, "stuck")
	expect(t, out, "running")
	for _, line := range []string{"stopping", ""} {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if line != "" {
			expect(t, out, line)
		}
	}
	if cmd.Wait() == nil {
		t.Fatal("it ends as if all were well")
	}
}
