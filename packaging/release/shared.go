package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// file is one that is installed: by its place in a tarball, and in the folder
// that packages take their files from.
type file struct {
	path    string
	data    []byte
	program bool
}

//go:embed config.toml
var config []byte

// completions are the places that shells look in, by shell.
var completions = map[string]string{
	"bash":       "share/bash-completion/completions/awskey",
	"zsh":        "share/zsh/site-functions/_awskey",
	"fish":       "share/fish/vendor_completions.d/awskey.fish",
	"powershell": "share/awskeyd/awskey.ps1", // which has no such place
}

// shared returns the files that are the same on every system.
func (r *release) shared() ([]file, error) {
	files := []file{{path: "share/doc/awskeyd/config.toml", data: config}}
	for name, path := range map[string]string{
		"LICENSE": "LICENSE", "README.md": "share/doc/awskeyd/README.md",
		"SECURITY.md": "share/doc/awskeyd/SECURITY.md", "CHANGELOG.md": "share/doc/awskeyd/CHANGELOG.md",
	} {
		data, err := os.ReadFile(filepath.Join(r.root, name))
		if err != nil {
			return nil, err
		}
		files = append(files, file{path: path, data: data})
	}
	program := filepath.Join(r.tmp, "host")
	if err := r.goTool(target{}, "build", "-trimpath", "-ldflags=-s -w", "-buildvcs=true", "-o", program, "./cmd/awskey"); err != nil {
		return nil, err
	}
	for shell, path := range completions {
		script, err := r.run(nil, program, "completion", shell)
		if err != nil {
			return nil, err
		}
		files = append(files, file{path: path, data: []byte(script)})
	}
	pages, err := r.generated("manual")
	if err != nil {
		return nil, err
	}
	for _, page := range pages {
		section := strings.TrimPrefix(filepath.Ext(page.path), ".")
		files = append(files, file{path: fmt.Sprintf("share/man/man%s/%s.gz", section, page.path), data: zipped(page.data)})
	}
	return files, nil
}

// units are those of systemd, for programs in /usr/bin, by file name.
func (r *release) units() ([]file, error) { return r.generated("units") }

// generated returns what a generator in packaging of the main module writes.
func (r *release) generated(name string) ([]file, error) {
	dir := filepath.Join(r.tmp, name)
	if err := r.goTool(target{}, "run", "./packaging/"+name, "-o", dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, file{path: e.Name(), data: data})
	}
	return files, nil
}

// zipped leaves out the name and the time that a gzip file may have.
func zipped(data []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // a constant level
	}
	w.Write(data) // to memory, which takes everything
	w.Close()
	return b.Bytes()
}
