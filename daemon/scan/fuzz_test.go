package scan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// FuzzText reads any bytes: what is told stands in the text, its lines too, in order,
// and no ordinary way of printing it shows a secret.
func FuzzText(f *testing.F) {
	for _, d := range corpus(f, 1) {
		f.Add(d.text)
	}
	for _, l := range lookAlikes(1) {
		f.Add([]byte(l.text[:min(len(l.text), 4<<10)]))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := 1 + bytes.Count(text, newline)
		last := Found{Line: 1}
		for _, k := range all(t, text) {
			if k.Line < last.Line || k.Line > lines || k.AccessKeyID != "" && k.AccessKeyID == last.AccessKeyID && k.Line == last.Line {
				t.Fatalf("line %d of %d is told after %d", k.Line, lines, last.Line)
			}
			last = k
			if k.AccessKeyID == "" && k.Secret.IsZero() || k.AccessKeyID != "" && !hasID([]byte(k.AccessKeyID)) {
				t.Fatalf("told %v", k)
			}
			if k.Secret.IsZero() {
				if k.SecretLine != 0 {
					t.Fatalf("no secret is told, of line %d", k.SecretLine)
				}
				continue
			}
			plain := k.Secret.Reveal()
			if k.SecretLine < 1 || k.SecretLine > lines || len(plain) != secretLen {
				t.Fatalf("a secret of %d bytes on line %d of %d", len(plain), k.SecretLine, lines)
			}
			document, err := json.Marshal(k)
			if err != nil {
				t.Fatal(err)
			}
			printed := fmt.Sprint(k) + fmt.Sprintf("%+v %#v %s", k, k, document)
			if strings.Contains(printed, plain) {
				t.Fatal("a secret is printed")
			}
		}
	})
}
