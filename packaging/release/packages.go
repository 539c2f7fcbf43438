package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/goreleaser/chglog"
	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/apk"
	_ "github.com/goreleaser/nfpm/v2/arch"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
	"go.yaml.in/yaml/v3"
)

const maintainer = "The awskeyd authors <awskeyd@users.noreply.github.com>"

//go:embed packages.yaml
var description string

// formats are nfpm's words for .deb, .rpm, .apk and .pkg.tar.zst.
var formats = []string{"deb", "rpm", "apk", "archlinux"}

// pseudo is what Go stamps where no tag is, after the number: a date and a commit.
var pseudo = regexp.MustCompile(`^(?:.*\.)?(\d{14})-[0-9a-f]{12}$`)

// packageVersion says what is older than a release so that every package manager
// takes it for older: Alpine's wants a word such as rc or pre with a number, and
// Arch's takes a number alone for newer.
func packageVersion(version string) string {
	number, rest, ok := strings.Cut(version, "-")
	if !ok {
		return version
	}
	if m := pseudo.FindStringSubmatch(rest); m != nil {
		return number + "-pre" + m[1]
	}
	return number + "-" + strings.NewReplacer("-", "", ".", "").Replace(rest)
}

// fullVersion is what nfpm makes of it for Debian and Fedora.
func fullVersion(version string) string {
	return strings.Replace(packageVersion(version), "-", "~", 1) + "-1"
}

// packages writes the packages for one system, in every format.
func (r *release) packages(t target, list []file, linked []module) error {
	units, err := r.units()
	if err != nil {
		return err
	}
	changes, err := r.changes()
	if err != nil {
		return err
	}
	ours, err := os.ReadFile(filepath.Join(r.root, "LICENSE"))
	if err != nil {
		return err
	}
	stage := filepath.Join(r.tmp, "stage-"+t.String())
	var pages files.Contents
	for _, f := range list {
		if strings.HasPrefix(f.path, "share/man/") {
			pages = append(pages, &files.Content{Source: filepath.Join(stage, f.path), Destination: "/usr/" + f.path})
		}
	}
	for _, u := range units {
		list = append(list, file{path: "units/" + u.path, data: u.data})
	}
	list = append(list,
		file{path: "legal/copyright-awskeyd", data: debianCopyright(ours, linked)},
		file{path: "legal/copyright-autostart", data: debianCopyright(ours, nil)},
		file{path: "legal/changelog-awskeyd.gz", data: zipped(debianChangelog("awskeyd", changes))},
		file{path: "legal/changelog-autostart.gz", data: zipped(debianChangelog("awskeyd-autostart", changes))},
	)
	for _, f := range list {
		if err := f.write(stage); err != nil {
			return err
		}
	}
	history := filepath.Join(stage, "changelog.yaml")
	if err := writeHistory(history, changes); err != nil {
		return err
	}
	filled := os.Expand(description, func(name string) string {
		return map[string]string{
			"ARCH": t.arch, "VERSION": packageVersion(r.version), "DATE": r.date.Format(time.RFC3339), "STAGE": stage,
			"MAINTAINER": maintainer, "LICENSE": expression(linked),
		}[name]
	})
	for part := range strings.SplitSeq(filled, "\n---\n") {
		for _, format := range formats {
			// Read anew for each, since nfpm writes into what it is given.
			config, err := nfpm.ParseWithEnvMapping(strings.NewReader(part), func(string) string { return "" })
			if err != nil {
				return fmt.Errorf("packages.yaml: %w", err)
			}
			if config.Name == "awskeyd" {
				config.Contents = append(config.Contents, pages...)
			} else {
				config.Contents = append(config.Contents, wants(units)...)
			}
			if err := r.pack(config, format, history); err != nil {
				return fmt.Errorf("%s for %s: %w", config.Name, format, err)
			}
		}
	}
	return nil
}

func (r *release) pack(config nfpm.Config, format, history string) error {
	info, err := config.Get(format)
	if err != nil {
		return err
	}
	info = nfpm.WithDefaults(info)
	info.Contents = adapted(info.Contents, format)
	if format == "rpm" { // for Debian nfpm would make a point of every line
		info.Changelog = history
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	path := filepath.Join(r.out, packager.ConventionalFileName(info))
	if _, err := os.Stat(path); err == nil {
		return nil // the same for every system, and made for one before
	}
	var b bytes.Buffer
	if err := packager.Package(info, &b); err != nil {
		return err
	}
	r.say("made %s", filepath.Base(path))
	return os.WriteFile(path, b.Bytes(), 0o644)
}

var documentation = regexp.MustCompile(`^/usr/share/(doc|man)/`)

// adapted has the contents as a family of systems wants them.
func adapted(list files.Contents, format string) files.Contents {
	var kept files.Contents
	for _, c := range list {
		c := *c
		licence := strings.HasPrefix(c.Destination, "/usr/share/licenses/")
		switch {
		case format == "deb" && c.Destination == "/usr/share/zsh/site-functions/_awskey":
			c.Destination = "/usr/share/zsh/vendor-completions/_awskey"
		case format == "deb" && c.Destination == "/usr/share/licenses/awskeyd/LICENSES":
			c.Destination = "/usr/share/doc/awskeyd/LICENSES"
		case format == "deb" && licence: // copyright stands for it
			continue
		case format == "rpm" && licence && c.Type == "":
			c.Type = files.TypeRPMLicense
		case format == "rpm" && documentation.MatchString(c.Destination) && c.Type == "":
			c.Type = files.TypeRPMDoc
		}
		kept = append(kept, &c)
	}
	return kept
}

func (f file) write(dir string) error {
	path := filepath.Join(dir, f.path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, f.data, 0o600); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if f.program {
		mode = 0o755
	}
	return os.Chmod(path, mode) // whatever the umask is
}

var wantedBy = regexp.MustCompile(`(?m)^WantedBy=(\S+)$`)

// wants are the links that systemctl --global enable would make of the units'
// [Install], in the folder that is a package's to write: they go with the package,
// no script makes them, and a user who masks a unit is stronger.
func wants(units []file) files.Contents {
	var links files.Contents
	for _, u := range units {
		if m := wantedBy.FindSubmatch(u.data); m != nil {
			folder := "/usr/lib/systemd/user/" + string(m[1]) + ".wants"
			links = append(links,
				&files.Content{Destination: folder, Type: files.TypeDir},
				&files.Content{Source: "../" + u.path, Destination: folder + "/" + u.path, Type: files.TypeSymlink})
		}
	}
	return links
}

// writeHistory writes the changes as nfpm reads them.
func writeHistory(path string, changes []entry) error {
	var list chglog.ChangeLogEntries
	for _, e := range changes {
		c := &chglog.ChangeLog{Semver: fullVersion(e.version), Date: e.date, Packager: maintainer}
		for _, note := range e.notes {
			c.Changes = append(c.Changes, &chglog.ChangeLogChange{Note: note})
		}
		list = append(list, c)
	}
	data, err := yaml.Marshal(list)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
