package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	out := flag.String("o", "", "the `DIR` to write into; must be empty or not there")
	version := flag.String("version", "", "make the release `1.2.3`; its tag must be checked out")
	key := flag.String("key", "", "the ssh key `FILE` to sign the release with")
	targets := flag.String("targets", "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64", "build for the systems in this `LIST` alone")
	unscanned := flag.Bool("unscanned", false, "release without a look at the database of vulnerabilities")
	flag.Parse()
	r := release{
		out: *out, version: *version, key: *key, unscanned: *unscanned, log: os.Stderr,
		// go run -C leaves us in the module's folder.
		root: filepath.Join("..", ".."),
	}
	err := r.choose(*targets)
	switch {
	case err != nil:
	case *out == "" || flag.NArg() > 0:
		err = errors.New("no folder to write into; type: make packages")
	case (*version == "") != (*key == ""):
		err = errors.New("a release has a version and a key that signs it; type: make release VERSION=1.2.3 KEY=FILE")
	default:
		err = r.make()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "release: %v\n", err)
		os.Exit(1)
	}
}

// target is a system that programs are built for.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "-" + t.arch }

func (r *release) choose(list string) error {
	for _, name := range strings.Split(list, ",") {
		system, arch, ok := strings.Cut(name, "/")
		if !ok || system != "linux" && system != "darwin" {
			return fmt.Errorf("%q is no system to build for; write for instance linux/amd64", name)
		}
		r.targets = append(r.targets, target{system, arch})
	}
	return nil
}

// make makes all of it. Whatever is wrong with the commit is said before minutes
// go by.
func (r *release) make() (err error) {
	if r.root, err = filepath.Abs(r.root); err != nil {
		return err
	}
	if r.out, err = filepath.Abs(r.out); err != nil {
		return err
	}
	if there, err := os.ReadDir(r.out); err == nil && len(there) > 0 {
		return fmt.Errorf("%s is not empty, and what lies in it would be signed with the rest; type: rm -r %s", r.out, r.out)
	}
	if r.tmp, err = os.MkdirTemp("", "awskeyd-release-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.tmp)) }()
	if err := r.readCommit(); err != nil {
		return err
	}
	if r.key != "" {
		if err := r.isReady(); err != nil {
			return err
		}
	}
	for _, folder := range []string{".", "packaging/release"} {
		if err := r.goTool(target{}, "-C", folder, "mod", "verify"); err != nil {
			return err
		}
	}
	if r.key != "" {
		if err := r.scan(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	shared, err := r.shared()
	if err != nil {
		return err
	}
	for _, t := range r.targets {
		if err := r.makeFor(t, shared); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	if err := r.formula(); err != nil {
		return err
	}
	if err := r.sums(); err != nil {
		return err
	}
	if r.key != "" {
		return r.sign()
	}
	return nil
}

func (r *release) makeFor(t target, shared []file) error {
	programs, err := r.build(t)
	if err != nil {
		return err
	}
	linked, err := r.linked(t)
	if err != nil {
		return err
	}
	files := append(slices.Clone(shared), file{path: "LICENSES", data: licences(linked)})
	for _, p := range programs {
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		files = append(files, file{path: "bin/" + filepath.Base(p), data: data, program: true})
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.path, b.path) })
	bill, err := r.bill(t, programs, linked)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.out, r.name(t)+".cdx.json"), bill, 0o644); err != nil {
		return err
	}
	if err := r.tarball(t, files); err != nil {
		return err
	}
	if t.os != "linux" {
		return nil
	}
	return r.packages(t, files, linked)
}

// name begins the names of the files for a system.
func (r *release) name(t target) string { return fmt.Sprintf("awskeyd-%s-%s", r.version, t) }
