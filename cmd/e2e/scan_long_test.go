//go:build long && linux

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestScanOfALongHistory looks through a history of 50,000 commits and a gigabyte of
// files, and prints how long that takes beside git log -p | grep, and the most
// memory that awskey and the gits it runs have had at once. Only the memory and
// what is found can fail: time is not the test's.
func TestScanOfALongHistory(t *testing.T) {
	const commits, gigabyte, keys = 50_000, 1 << 30, 40
	dir := t.TempDir()
	repo := filepath.Join(dir, "repo")
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	run("git", "init", "-q", "-b", "main", repo)
	load := exec.Command("git", "-C", repo, "fast-import", "--quiet", "--done")
	in, err := load.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	load.Stderr = os.Stderr
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	total := longHistory(in, commits, gigabyte, keys)
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := load.Wait(); err != nil {
		t.Fatal(err)
	}
	run("git", "-C", repo, "repack", "-a", "-d", "-q", "--window=5")
	run("git", "-C", repo, "reset", "-q", "--hard")
	program := filepath.Join(dir, "awskey")
	run("go", "build", "-o", program, "../awskey")
	t.Logf("%d commits, %d MB of files", commits, total>>20)

	timed := func(name string, cmd *exec.Cmd) (time.Duration, []byte) {
		t.Helper()
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr, cmd.Dir = &out, os.Stderr, repo
		cmd.Env = append(os.Environ(), "HOME="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		var most peak
		var watching sync.WaitGroup
		watching.Go(func() { most.watch(cmd.Process.Pid, done) })
		_ = cmd.Wait() // with 1 where something was found
		took := time.Since(began)
		close(done)
		watching.Wait()
		t.Logf("%-22s %8s, at most %4d MiB in all and %4d MiB in one process", name, took.Round(time.Millisecond), most.all>>10, most.one>>10)
		if name == "awskey scan" && most.all>>10 >= 300 {
			t.Errorf("%s and its children have had %d MiB at once", name, most.all>>10)
		}
		return took, out.Bytes()
	}
	theirs, text := timed("git log -p | grep", exec.Command("sh", "-c", "git log --all -p | grep -aE 'AKIA[A-Z2-7]{16}'"))
	ours, found := timed("awskey scan", exec.Command(program, "scan", "--json"))
	t.Logf("that is %.2f times as fast", float64(theirs)/float64(ours))
	if n := bytes.Count(found, []byte(`"access_key_id"`)); n != keys || bytes.Count(text, []byte("AKIA")) < keys {
		t.Errorf("%d keys are found, and %d are there; grep has %d lines", n, keys, bytes.Count(text, []byte{'\n'}))
	}
}

// longHistory writes commits that each change some lines of one of 500 files, such
// as programmers do, and puts a key into some of them and out again. It returns
// how many bytes the versions of all files have.
func longHistory(out io.Writer, commits, bytesInAll, keys int) (total int) {
	w := bufio.NewWriterSize(out, 1<<20)
	defer w.Flush()
	r := rand.New(rand.NewPCG(1, 1))
	words := strings.Fields("func return if err nil range string int for var type struct const switch case default package import key value secret store name path open close read write token")
	line := func() string {
		var b strings.Builder
		b.WriteString(strings.Repeat("\t", r.IntN(4)))
		for range 3 + r.IntN(8) {
			b.WriteString(words[r.IntN(len(words))] + strconv.Itoa(r.IntN(300)) + " ")
		}
		return b.String() + "\n"
	}
	files := make([][]string, 500)
	for i := range files {
		for range bytesInAll / commits / 45 {
			files[i] = append(files[i], line())
		}
	}
	letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	leak := map[int]int{} // the file that has a key until the next commit
	for c := range commits {
		at := r.IntN(len(files))
		file := files[at]
		for range 1 + r.IntN(12) {
			file[r.IntN(len(file))] = line()
		}
		if c > 0 && c%(commits/keys) == 0 || c == 1 {
			id := []byte("AKIA7") // with a digit, no id reads like a word
			for range 15 {
				id = append(id, letters[r.IntN(len(letters))])
			}
			file[r.IntN(len(file))] = "key = " + string(id) + "\n"
			leak[c] = at
		}
		text := strings.Join(file, "")
		total += len(text)
		fmt.Fprintf(w, "commit refs/heads/main\ncommitter a <a@example.com> %d +0000\ndata 3\nc\n\nM 100644 inline src/%d/file%d.go\ndata %d\n%s\n", 1_700_000_000+c*60, at%20, at, len(text), text)
	}
	fmt.Fprintln(w, "done")
	return total
}

// peak is the most memory of a group of processes, in KiB: what several of them
// share is counted once.
type peak struct{ all, one int }

func (p *peak) watch(group int, done <-chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		all := 0
		entries, _ := os.ReadDir("/proc")
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil {
				continue
			}
			if g, err := syscall.Getpgid(pid); err != nil || g != group {
				continue
			}
			roll, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "smaps_rollup"))
			for line := range strings.Lines(string(roll)) {
				if words := strings.Fields(line); len(words) > 1 && words[0] == "Pss:" {
					n, _ := strconv.Atoi(words[1])
					all += n
					p.one = max(p.one, n)
				}
			}
		}
		p.all = max(p.all, all)
	}
}
