package guard

import (
	"os"
	"strings"
	"testing"
	"time"
)

// Wherever the files come to stand, what stands in them is seen.
func TestWhereTheFilesStand(t *testing.T) {
	p := newPost(t, nil)
	plain := "# nothing here\n"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := func(how string) {
		t.Helper()
		took := p.await("plaintext-key")
		t.Logf("%s: warned of %d ms after the write, which is under a second: %v", how, took.Milliseconds(), took < time.Second)
	}
	p.write(".aws/credentials", pair("work", id)) // with its folder
	seen("in a folder made just now")
	must(os.Remove(p.at(".aws/credentials")))
	p.await("")
	p.write(".aws/credentials", pair("work", id))
	seen("in a file made again")
	must(os.RemoveAll(p.at(".aws")))
	p.await("")
	p.write(".aws/credentials", pair("work", id))
	seen("in a folder made again")

	p.write("one/aws", plain)
	p.write("two/aws", pair("work", id))
	link := func(to string) {
		t.Helper()
		must(os.Symlink(to, p.at(".aws/new")))
		must(os.Rename(p.at(".aws/new"), p.at(".aws/credentials")))
	}
	link("../one/aws")
	p.await("")
	link("../two/aws")
	seen("at a link's new end")
	p.over("two/aws", plain)
	p.await("")
	p.over("two/aws", pair("work", id))
	seen("in a file renamed at a link's new end")

	must(os.Symlink("one", p.at("turn"))) // a folder on the way is the link
	link("../turn/aws")
	p.await("")
	must(os.Symlink("two", p.at("turned")))
	must(os.Rename(p.at("turned"), p.at("turn")))
	seen("in a folder that a link turned to")
}

// A file that cannot be read hides nothing of the other, is never taken for one
// without keys, and nothing is taken in meanwhile.
func TestOneFileCannotBeRead(t *testing.T) {
	const broken = "[profile x] y\n"
	p := newPost(t, func(p *post) {
		p.settings.Adopt = true
		p.keeper.closed = true
		p.write(".aws/config", broken)
		p.write(".aws/credentials", pair("work", id))
	})
	p.await("aws-file-unreadable plaintext-key")
	p.event("aws-file-unreadable")
	p.event("plaintext-key")
	p.over(".aws/credentials", "# moved\n"+pair("work", id)+broken)
	p.await("aws-file-unreadable aws-file-unreadable")
	p.event("aws-file-unreadable")
	p.over(".aws/credentials", pair("work", id))
	p.await("aws-file-unreadable plaintext-key")
	if p.keeper.held() != 0 {
		t.Error("a key was taken in out of files that nobody can read")
	}
	p.over(".aws/config", "")
	p.await("plaintext-key")
	if w := p.guard.Warnings()[0].Text; !strings.Contains(w, "; taking it in failed: the store is not open") {
		t.Errorf("%q", w)
	}
	p.keeper.mu.Lock()
	p.keeper.closed = false
	p.keeper.mu.Unlock()
	p.guard.Look() // as the daemon does when its store has come
	p.event("adopted")
	p.await("")
	if n := len(p.notes); n != 1 {
		t.Errorf("the one key was shown %d times on the desktop", n)
	}
}
