//go:build linux

// Bench measures what awskeyd costs beside floors that anyone can rerun, prints
// every figure beside its target, says which are missed, and writes the same as
// JSON to bin/bench.json and as a plot of growth to BENCHMARKS.svg, or to the two
// paths given.
//
// Processes are compared in turn, so that what else the machine does falls on all
// alike; ratios are of that one run. It must never touch the user's daemon, and
// only wrong answers make it fail, never slow ones.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// figure is one line of the table. Times are in milliseconds unless Unit says
// otherwise; what is 0 was not measured.
type figure struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Min    float64 `json:"min,omitempty"`
	Median float64 `json:"median"`
	P99    float64 `json:"p99,omitempty"`
	Peak   float64 `json:"peak_mib,omitempty"`
	Size   float64 `json:"size_mib,omitempty"`
	Target string  `json:"target,omitempty"`
	Met    string  `json:"met,omitempty"` // met or missed
	Why    string  `json:"why,omitempty"`
}

// bench is one run.
type bench struct {
	dir     string // for all that it makes
	figures []figure
}

// note adds a figure without a target.
func (b *bench) note(f figure) { b.figures = append(b.figures, f) }

// atMost and atLeast add one with a target, and why it is missed if it is.
func (b *bench) atMost(f figure, limit float64, why string) {
	b.judge(f, "≤", limit, f.Median <= limit, why)
}

func (b *bench) atLeast(f figure, limit float64, why string) {
	b.judge(f, "≥", limit, f.Median >= limit, why)
}

func (b *bench) judge(f figure, sign string, limit float64, met bool, why string) {
	f.Target = fmt.Sprintf("%s %g", sign, limit)
	if f.Met = "met"; !met {
		f.Met, f.Why = "missed", why
	}
	b.note(f)
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		if err := serve(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	only := flag.String("part", "", "measure one `part` alone, and write no file: helpers, answers, crowd, idlers, daemon, many or growth")
	flag.Parse()
	out := []string{filepath.Join("bin", "bench.json"), "BENCHMARKS.svg"}
	copy(out, flag.Args())
	if err := run(*only, out[0], out[1]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(only, report, plot string) error {
	dir, err := os.MkdirTemp("", "awskeyd-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if only != "" {
		plot = filepath.Join(dir, "plot")
	}
	b := &bench{dir: dir}
	var failed error
	for _, part := range []struct {
		name, say string
		do        func() error
	}{
		{"", "builds the programs and the floors", b.build},
		{"helpers", "starts programs in turn", b.helpers},
		{"answers", "asks over the socket", b.answers},
		{"crowd", "starts 1,000 programs at once", b.crowd},
		{"idlers", "lets 10,000 say nothing", b.idlers},
		{"daemon", "starts a daemon, rotates and rests (two minutes)", b.whole},
		{"many", "starts one with 1,000 keys", b.thousand},
		{"growth", "grows to 10,000 keys", func() error { return b.growth(plot) }},
	} {
		if only != "" && part.name != "" && part.name != only {
			continue
		}
		fmt.Fprintln(os.Stderr, "bench", part.say)
		if err := part.do(); err != nil { // the rest is worth having all the same
			failed = errors.Join(failed, fmt.Errorf("while it %s: %w", part.say, err))
		}
	}
	machine := machine()
	fmt.Println(machine)
	fmt.Print(table(b.figures))
	if only != "" {
		return failed
	}
	text, err := json.MarshalIndent(map[string]any{"machine": machine, "at": time.Now().UTC(), "figures": b.figures}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(report), 0o755); err != nil {
		return err
	}
	return errors.Join(failed, os.WriteFile(report, append(text, '\n'), 0o644))
}

// machine says on what the figures were measured, and what else it did.
func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	load, _ := os.ReadFile("/proc/loadavg")
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d processors (%s), Linux %s, %s, load %.14s", runtime.NumCPU(), model, strings.TrimSpace(string(kernel)), runtime.Version(), load)
}

// table is the figures as text, in Markdown's form.
func table(figures []figure) string {
	rows := [][]string{{"figure", "least", "median", "p99", "unit", "peak MiB", "size MiB", "target", "", "why"}}
	number := func(v float64) string {
		switch {
		case v == 0:
			return ""
		case v >= 1000:
			return fmt.Sprintf("%.0f", v)
		default:
			return fmt.Sprintf("%.3g", v)
		}
	}
	for _, f := range figures {
		median := number(f.Median)
		if median == "" {
			median = "0"
		}
		rows = append(rows, []string{f.Name, number(f.Min), median, number(f.P99), f.Unit, number(f.Peak), number(f.Size), f.Target, f.Met, f.Why})
	}
	rows = slices.Insert(rows, 1, slices.Repeat([]string{"---"}, len(rows[0])))
	var text strings.Builder
	for _, row := range rows {
		text.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return text.String()
}

// spread fills the times of a figure.
func spread(name string, times []time.Duration, unit string, one time.Duration) figure {
	times = slices.Sorted(slices.Values(times))
	in := func(d time.Duration) float64 { return float64(d) / float64(one) }
	return figure{Name: name, Unit: unit, Min: in(times[0]), Median: in(times[len(times)/2]), P99: in(times[(len(times)*99+99)/100-1])}
}

// command is exec.Command with the one environment of the bench.
func (b *bench) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"HOME=" + b.dir, "XDG_RUNTIME_DIR=" + b.dir, "BENCH_SOCKET=" + b.socket()}
	cmd.Dir = b.dir
	return cmd
}

// socket is where helpers look in that environment.
func (b *bench) socket() string { return filepath.Join(b.dir, "awskeyd", "socket") }

func (b *bench) program(name string) string { return filepath.Join(b.dir, "programs", name) }
