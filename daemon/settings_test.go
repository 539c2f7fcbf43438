package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/awskeyd/awskeyd/daemon/awstest"
	"github.com/awskeyd/awskeyd/daemon/config"
	"github.com/awskeyd/awskeyd/daemon/rotation"
	"github.com/awskeyd/awskeyd/store/secret"
)

// loaded is a configuration read from a file.
func loaded(t *testing.T, text string) *config.Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Paths{User: path, Home: filepath.Dir(path)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A look goes where [monitor] says at that moment, not where it said when the
// key was begun.
func TestALookFollowsTheConfiguration(t *testing.T) {
	server := awstest.NewServer(awstest.Options{})
	defer server.Close()
	server.CreateUser("bob", "", awstest.Watcher())
	id, text := server.IssueKey("bob")
	settings := "[aws]\nendpoint_url = \"" + server.URL + "\"\n"
	d := &Daemon{config: loaded(t, settings)}
	way, err := d.awsFor()("work")
	if err != nil {
		t.Fatal(err)
	}
	look := rotation.Action{Do: rotation.Look, Signer: rotation.Version{ID: id, Secret: secret.New(text)}, Target: id, Since: time.Now().Add(-time.Hour), Watch: true}
	for _, written := range []string{"", "[monitor]\nalarms = [\"x\"]\n", ""} {
		d.config = loaded(t, settings+written)
		o := way.Do(t.Context(), "bob", look)
		if asked := slices.Contains(o.Blind, "the CloudWatch alarm x: there is none of that name"); o.Result != rotation.OK || asked != (written != "") {
			t.Errorf("%q: %s %s, blind %q", written, o.Result, o.Text, o.Blind)
		}
	}
}
