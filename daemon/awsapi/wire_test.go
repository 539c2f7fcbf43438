package awsapi

import (
	"bytes"
	"compress/gzip"
	"encoding/xml"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// Nothing but AWS's own document is a success, or an error of AWS's.
func TestStrangeAnswers(t *testing.T) {
	login := "<!doctype html><html><head><title>Welcome</title></head><body><a href=/login>log in</a></body></html>"
	for name, try := range map[string]struct {
		h    http.HandlerFunc
		want Class
		text string
	}{
		"portal 200": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, login) }, ClassNoAnswer, "(200 OK, text/html)"},
		"portal 302": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", 302) }, ClassNoAnswer, "(302 Found"},
		"307":        {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, 307) }, ClassNoAnswer, "307 Temporary Redirect"},
		"empty 200":  {func(http.ResponseWriter, *http.Request) {}, ClassNoAnswer, "(200 OK)"},
		"204":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, ClassNoAnswer, "(204 No Content)"},
		"xhtml 200":  {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `<html xmlns="x"><body/></html>`) }, ClassNoAnswer, "log in to the network"},
		"other op":   {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, response("GetRole", "<Role/>")) }, ClassNoAnswer, "something between"},
		"error 200":  {func(w http.ResponseWriter, r *http.Request) { refusal(w, r, 200, "AccessDenied", "no") }, ClassNoAnswer, "something between"},
		"half": {func(w http.ResponseWriter, r *http.Request) {
			doc := response(opOf(r), answers[opOf(r)])
			fmt.Fprint(w, doc[:len(doc)-5])
		}, ClassNoAnswer, "something between"},
		"block page 403": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, login, 403) }, ClassNoAnswer, "(403 Forbidden"},
		"not found 404":  {func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, ClassNoAnswer, "(404 Not Found"},
		"bad gateway":    {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, login, 502) }, ClassServer, "answered 502 Bad Gateway"},
		"bare 503":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, ClassServer, "503 Service Unavailable"},
		"gzip": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			fmt.Fprint(z, response(opOf(r), answers[opOf(r)]))
			z.Close()
		}, ClassNoAnswer, "something between"},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			c, _ := serve(t, counting(&requests, try.h))
			for _, call := range calls {
				m, err := call(t.Context(), c)
				e := failure(t, err, try.want)
				contains(t, e.Error(), try.text)
				if e.Status == 0 || m != (Meta{}) {
					t.Errorf("status %d, meta %+v: the clock of a stranger", e.Status, m)
				}
			}
			if int(requests.Load()) != len(calls) {
				t.Errorf("%d requests for %d calls: a redirect was followed", requests.Load(), len(calls))
			}
		})
	}
}

// A peer that sends without end costs about a megabyte, wherever it does so.
func TestBoundedAnswers(t *testing.T) {
	junk := bytes.Repeat([]byte("x"), 64<<10)
	const offered = 512 << 20
	for name, head := range map[string]string{
		"body":   "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n<CreateAccessKeyResponse>",
		"error":  "HTTP/1.1 403 Forbidden\r\n\r\n<ErrorResponse><Error><Code>",
		"length": fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", offered),
		"header": "HTTP/1.1 200 OK\r\nX-Junk: ",
		"status": "HTTP/1.1 200 ",
	} {
		t.Run(name, func(t *testing.T) {
			var taken atomic.Int64
			c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					return
				}
				defer conn.Close()
				conn.Write([]byte(head))
				for taken.Load() < offered {
					if _, err := conn.Write(junk); err != nil {
						return
					}
					taken.Add(int64(len(junk)))
				}
			})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := c.CreateKey(t.Context(), testKey, "bob")
			runtime.ReadMemStats(&after)
			failure(t, err, ClassNoAnswer)
			if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
				t.Errorf("%d MiB allocated", used>>20)
			}
			if taken.Load() >= offered {
				t.Error("the whole was read")
			}
		})
	}
}

// The largest answer AWS can give still goes through.
func TestLargestAnswer(t *testing.T) {
	row := `<member><UserName>` + strings.Repeat("b", 64) + `</UserName><AccessKeyId>` + strings.Repeat("A", 128) + `</AccessKeyId><Status>Active</Status><CreateDate>2026-01-02T03:04:05Z</CreateDate></member>`
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, response("ListAccessKeys", "<AccessKeyMetadata>"+strings.Repeat(row, 1000)+"</AccessKeyMetadata>"))
	})
	keys, _, err := c.ListKeys(t.Context(), testKey, "bob")
	if err != nil || len(keys) != 1000 {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

// document never takes for whole what encoding/xml does not.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(response("ListAccessKeys", answers["ListAccessKeys"])))
	f.Add([]byte("<!doctype html><html></html>"))
	f.Add([]byte("<a><b></a></b>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		root := document(body)
		if root == "" {
			return
		}
		var whole struct {
			XMLName xml.Name
			Inner   []byte `xml:",innerxml"`
		}
		if err := xml.Unmarshal(body, &whole); err != nil || whole.XMLName.Local != root {
			t.Errorf("%q: root %q, but %v, %q", body, root, err, whole.XMLName.Local)
		}
	})
}
