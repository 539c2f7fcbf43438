//go:build unix

package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// sdks are when each client asks for credentials anew, before their Expiration:
// early it tries to, and goes on with what it has if that fails; late it must.
// Sources: botocore credentials.py, aws-sdk-go-v2 CredentialsCache (ExpiryWindow
// 0), @aws-sdk/credential-providers, aws-sdk-java-v2 ProcessCredentialsProvider,
// smithy-rs identity/cache/lazy.rs, aws-sdk-net RefreshingAWSCredentials,
// aws-sdk-php CredentialProvider, aws-sdk-ruby RefreshingCredentials,
// aws-sdk-cpp ProcessCredentialsProvider.
var sdks = []struct {
	name        string
	early, late time.Duration
}{
	{"go", 0, 0},
	{"botocore", 15 * time.Minute, 10 * time.Minute},
	{"js", 5 * time.Minute, 0},
	{"java", 15 * time.Second, 0},
	{"rust", 20 * time.Second, 0},
	{"dotnet", 15 * time.Minute, 0},
	{"php", 0, 0},
	{"ruby", 5 * time.Minute, 5 * time.Minute},
	{"cpp", 0, 0},
	{"terraform", 0, 0},
}

// lease is what a client was given.
type lease struct {
	AccessKeyId, SecretAccessKey string
	Expiration                   time.Time
}

// client is a program that uses one profile for the whole year.
type client struct {
	l       *laptop
	profile string
	sdk     int
	r       *rand.Rand
	held    lease
	since   string // the access key it began to use last

	signed, refused, last, slow atomic.Int64
	versions                    atomic.Int64
}

// live uses credentials at random moments, and each lease for the last time as
// late as its SDK ever does.
func (c *client) live(ctx context.Context) {
	for rest(ctx, c.next()) {
		c.use(ctx)
	}
}

// next is how long the program does something else.
func (c *client) next() time.Duration {
	end := c.held.Expiration.Add(-sdks[c.sdk].late - 10*time.Millisecond).Sub(c.l.w.wall())
	switch some := between(c.r, time.Minute, 40*time.Minute); {
	case end <= 0:
		return between(c.r, 0, 10*time.Minute)
	case c.r.IntN(2) == 0 && some < end:
		return some
	default: // a laptop that sleeps meanwhile wakes later, and the SDK sees it
		return end
	}
}

// use is one request of the program: what its SDK does about credentials, and
// the request itself.
func (c *client) use(ctx context.Context) {
	sdk := sdks[c.sdk]
	if ok, left := c.sign(ctx); ok {
		if left < sdk.early && left > sdk.late+time.Second {
			c.fetch(ctx) // behind the program's back
		}
		return
	}
	if c.fetch(ctx) {
		c.sign(ctx)
	}
}

// sign sends a request if the SDK still takes the lease for good.
func (c *client) sign(ctx context.Context) (ok bool, left time.Duration) {
	w, aws := c.l.w, c.l.aws
	w.jump.RLock() // between the look at the clock and the signature no time passes
	left = c.held.Expiration.Sub(w.wall())
	if left <= sdks[c.sdk].late {
		w.jump.RUnlock()
		return false, left
	}
	slept := w.slept.Load()
	r := aws.request(c.held.AccessKeyId, c.held.SecretAccessKey, sdks[c.sdk].name)
	latest := left <= sdks[c.sdk].late+10*time.Millisecond
	if !latest || c.r.IntN(10) > 0 {
		c.note(aws.serve(r), latest)
		w.jump.RUnlock()
		return true, left
	}
	w.jump.RUnlock()
	// A request may be on its way for as long as its signature is good.
	if rest(ctx, 14*time.Minute) {
		w.jump.RLock()
		defer w.jump.RUnlock()
		if slept == w.slept.Load() {
			c.slow.Add(1)
			c.note(aws.serve(r), latest)
		}
	}
	return true, left
}

func (c *client) note(accepted, latest bool) {
	c.signed.Add(1)
	if latest {
		c.last.Add(1)
	}
	if !accepted {
		c.refused.Add(1)
		c.l.w.t.Errorf("%s refused %s of %s with a lease until %s, at %s (wall %s): %v", sdks[c.sdk].name, c.held.AccessKeyId, c.profile,
			c.held.Expiration, c.l.w.aws(), c.l.w.wall(), c.l.aws.Keys(c.profile))
	}
}

// fetch asks the daemon, as the helper does. A daemon that is not there is no
// refusal.
func (c *client) fetch(ctx context.Context) bool {
	p := c.l.now.Load()
	asked := c.l.w.wall()
	body, err := get(ctx, p, c.profile)
	if err != nil {
		c.l.unserved(err)
		return false
	}
	var held lease
	if err := json.Unmarshal(body, &held); err != nil {
		c.l.w.t.Errorf("%s was given %d bytes: %v", c.profile, len(body), err)
		return false
	}
	if left := held.Expiration.Sub(asked); left < 20*time.Minute && c.l.w.wrong.Load() == 0 {
		c.l.w.t.Errorf("%s was given credentials for %s", c.profile, left)
	}
	if c.held = held; held.AccessKeyId != c.since {
		c.since = held.AccessKeyId
		c.versions.Add(1)
	}
	return true
}

// get sends the request that the helper sends.
func get(ctx context.Context, p *process, profile string) ([]byte, error) {
	if p == nil || p.dead.Load() {
		return nil, errNoDaemon
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	conn, err := p.door.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	if _, err := fmt.Fprintf(conn, "GET /v1/credentials/%s HTTP/1.0\r\n\r\n", profile); err != nil {
		return nil, err
	}
	return answer(conn)
}

func answer(conn net.Conn) ([]byte, error) {
	all, err := io.ReadAll(conn)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errNoDaemon
	}
	head, body, whole := strings.Cut(string(all), "\r\n\r\n")
	if !whole || !strings.Contains(head, fmt.Sprintf("Content-Length: %d\r\n", len(body))) && !strings.HasSuffix(head, fmt.Sprintf("Content-Length: %d", len(body))) {
		return nil, io.ErrUnexpectedEOF
	}
	if !strings.HasPrefix(head, "HTTP/1.0 200 ") {
		return nil, fmt.Errorf("%s", strings.SplitN(head, "\r\n", 2)[0])
	}
	return []byte(body), nil
}
