package main

import (
	_ "embed"
	"os"
	"path/filepath"
)

//go:embed awskeyd.rb
var formula string

// formula writes what Homebrew builds awskeyd by. It names the tag and the commit
// behind it, so that Homebrew refuses a tag that was moved, and Go stamps the
// version into the programs.
func (r *release) formula() error {
	text := os.Expand(formula, func(name string) string {
		return map[string]string{"VERSION": r.version, "REVISION": r.revision}[name]
	})
	return os.WriteFile(filepath.Join(r.out, "awskeyd.rb"), []byte(text), 0o644)
}
