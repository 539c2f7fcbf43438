package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// module is one that is linked into a program, and what must be handed on with it.
type module struct {
	path, version string
	kinds         []string // SPDX identifiers, in order
	texts         []string // verbatim
}

// kinds tells licences by words that no other one has. Of a text that is none of
// these a person has to decide whether we may hand it on.
var kinds = []struct{ id, has, lacks string }{
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining", ""},
	{"Apache-2.0", "Apache License Version 2.0, January 2004", ""},
	{"BSD-3-Clause", "Neither the name", ""},
	{"BSD-2-Clause", "Redistributions of source code must retain", "Neither the name"},
	{"Zlib", "This software is provided 'as-is', without any express or implied warranty", ""},
}

// legal are the files that must go along with what is linked.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// grants are those of them that must be a licence.
var grants = regexp.MustCompile(`(?i)^(licen[cs]e|copying)`)

// linked returns every module that a program for the system holds code of, with
// Go's own library.
func (r *release) linked(t target) ([]module, error) {
	args := []string{"list", "-deps", "-json=Dir,Standard,Module"}
	for _, name := range programs {
		args = append(args, "./cmd/"+name)
	}
	out, err := r.run(goEnv(t), "go", args...)
	if err != nil {
		return nil, err
	}
	goroot, err := r.run(goEnv(t), "go", "env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	root, version, _ := strings.Cut(strings.TrimSpace(goroot), "\n")
	found := map[string]*module{"std": {path: "std", version: strings.TrimPrefix(version, "go")}}
	folders := map[string]map[string]bool{"std": {root: true}}
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
		var p struct {
			Dir      string
			Standard bool
			Module   *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if p.Standard || p.Module.Main {
			continue
		}
		m := p.Module
		if found[m.Path] == nil {
			found[m.Path] = &module{path: m.Path, version: m.Version}
			folders[m.Path] = map[string]bool{}
		}
		// A folder of somebody else's code has a licence of its own beside it.
		for dir := p.Dir; len(dir) >= len(m.Dir); dir = filepath.Dir(dir) {
			folders[m.Path][dir] = true
		}
	}
	var list []module
	for _, path := range slices.Sorted(maps.Keys(found)) {
		m := found[path]
		for _, dir := range slices.Sorted(maps.Keys(folders[path])) {
			if err := m.take(dir); err != nil {
				return nil, err
			}
		}
		if len(m.kinds) == 0 {
			return nil, fmt.Errorf("%s has no licence, so that it may not be handed on; do without it", path)
		}
		list = append(list, *m)
	}
	return list, nil
}

// take adds the legal files of one folder.
func (m *module) take(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !legal.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		text := strings.TrimSpace(strings.ReplaceAll(string(data), "\r\n", "\n"))
		if slices.Contains(m.texts, text) {
			continue
		}
		m.texts = append(m.texts, text)
		words := strings.Join(strings.Fields(text), " ")
		known := false
		for _, k := range kinds {
			if strings.Contains(words, k.has) && (k.lacks == "" || !strings.Contains(words, k.lacks)) {
				m.kinds, known = append(m.kinds, k.id), true
			}
		}
		if !known && grants.MatchString(e.Name()) {
			return fmt.Errorf("%s is a licence that we do not know, so that %s may not be handed on; "+
				"read it, and put it among kinds in packaging/release/licences.go, or do without it", filepath.Join(dir, e.Name()), m.path)
		}
	}
	slices.Sort(m.kinds)
	m.kinds = slices.Compact(m.kinds)
	return nil
}

// licences returns one text with all of them, each once, below the names of those
// it is for.
func licences(linked []module) []byte {
	names := map[string][]string{}
	for _, m := range linked {
		for _, text := range m.texts {
			names[text] = append(names[text], m.path+" "+m.version)
		}
	}
	texts := slices.SortedFunc(maps.Keys(names), func(a, b string) int { return cmp.Compare(names[a][0]+a, names[b][0]+b) })
	var b bytes.Buffer
	b.WriteString("The programs hold code of these modules, and of Go's own library (std). Their\nlicences and notices follow, word for word.\n")
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("-", 79), strings.Join(names[text], "\n"), text)
	}
	return b.Bytes()
}

// debianCopyright is our licence, and of what is linked the names: the texts stand
// beside it, those of Apache's licence among what every Debian has.
func debianCopyright(ours []byte, linked []module) []byte {
	b := bytes.NewBufferString("awskeyd is from https://github.com/awskeyd/awskeyd\n\n")
	b.Write(ours)
	if linked == nil {
		return b.Bytes()
	}
	b.WriteString("\nThe programs hold code of these modules, and of Go's own library (std). Their\n" +
		"licences and notices stand word for word in the file LICENSES beside this one; the\n" +
		"Apache License, Version 2.0, also in /usr/share/common-licenses/Apache-2.0.\n\n")
	for _, m := range linked {
		fmt.Fprintf(b, "  %s %s: %s\n", m.path, m.version, strings.Join(m.kinds, ", "))
	}
	return b.Bytes()
}

// expression is the licence of the programs, as SPDX writes it: ours, and those of
// what is linked.
func expression(linked []module) string {
	all := []string{"MIT"}
	for _, m := range linked {
		for _, kind := range m.kinds {
			if !slices.Contains(all, kind) {
				all = append(all, kind)
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, " AND ")
}
