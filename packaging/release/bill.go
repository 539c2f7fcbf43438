package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// bill returns the bill of materials of the programs for one system: what the
// linker wrote into them, so it lists what they hold and nothing else.
func (r *release) bill(t target, paths []string, linked []module) ([]byte, error) {
	self := cdx.Component{
		BOMRef: "awskeyd", Type: cdx.ComponentTypeApplication, Name: "awskeyd", Version: r.version,
		PackageURL: "pkg:golang/github.com/awskeyd/awskeyd@v" + r.version, Licenses: &cdx.Licenses{{License: &cdx.License{ID: "MIT"}}},
	}
	modules := map[string]cdx.Component{}
	kinds := map[string][]string{}
	for _, m := range linked {
		kinds[m.path] = m.kinds
	}
	var components []cdx.Component
	dependencies := map[string][]string{"awskeyd": nil}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		info, err := buildinfo.Read(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		name := filepath.Base(path)
		sum := sha256.Sum256(data)
		components = append(components, cdx.Component{
			BOMRef: name + "-program", Type: cdx.ComponentTypeFile, Name: name, Version: r.version,
			Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
		})
		dependencies["awskeyd"] = append(dependencies["awskeyd"], name+"-program")
		std := cdx.Component{Type: cdx.ComponentTypeLibrary, Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}
		std.PackageURL = "pkg:golang/std@" + std.Version
		all := []cdx.Component{std}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			c := cdx.Component{Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: "pkg:golang/" + m.Path + "@" + m.Version}
			// The sum of go.sum, of the module's files and not of an archive.
			raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
			if err != nil || len(raw) != sha256.Size {
				return nil, fmt.Errorf("%s holds %s without a sum; it must come from a registry of modules", name, m.Path)
			}
			c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(raw)}}
			all = append(all, c)
		}
		for _, c := range all {
			if kinds[c.Name] == nil {
				return nil, fmt.Errorf("%s holds %s, whose licence was not looked for", name, c.Name)
			}
			c.BOMRef = c.PackageURL
			c.Licenses = &cdx.Licenses{{Expression: strings.Join(kinds[c.Name], " AND ")}}
			modules[c.BOMRef] = c
			dependencies[name+"-program"] = append(dependencies[name+"-program"], c.BOMRef)
		}
	}
	var graph []cdx.Dependency
	for _, ref := range slices.Sorted(maps.Keys(modules)) {
		components = append(components, modules[ref])
	}
	for _, ref := range slices.Sorted(maps.Keys(dependencies)) {
		on := dependencies[ref]
		graph = append(graph, cdx.Dependency{Ref: ref, Dependencies: &on})
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{
		Timestamp: r.date.Format(time.RFC3339), Component: &self,
		Properties: &[]cdx.Property{{Name: "awskeyd:system", Value: t.os + "/" + t.arch}, {Name: "awskeyd:commit", Value: r.revision}},
	}
	bom.Components, bom.Dependencies = &components, &graph
	var b bytes.Buffer
	err := cdx.NewBOMEncoder(&b, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).Encode(bom)
	return b.Bytes(), err
}
