package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/awskeyd/awskeyd/store/secret"
)

const canary = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYCANARYKEY"

func TestEveryWayOfPrintingIsMasked(t *testing.T) {
	v := secret.New(canary)
	holder := struct {
		Name  string
		Value secret.Value
		inner secret.Value
	}{"work", v, v}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+"\n", v)
		fmt.Fprintf(&out, verb+"\n", &v)
		fmt.Fprintf(&out, verb+"\n", holder)
		fmt.Fprintf(&out, verb+"\n", []secret.Value{v})
	}
	doc, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(doc)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("add", "secret", v, "holder", holder)
	}
	hex := fmt.Sprintf("%x", canary)
	decimal := strings.Trim(fmt.Sprint([]byte(canary)), "[]")
	for _, leak := range []string{canary, hex, strings.ToUpper(hex), decimal} {
		if strings.Contains(out.String(), leak) {
			t.Fatalf("a printed form shows the secret as %.12s…", leak)
		}
	}
}

func TestWipeReachesCopies(t *testing.T) {
	v := secret.New(canary)
	w := v
	v.Wipe()
	if bytes.ContainsAny([]byte(w.Reveal()), canary) {
		t.Fatal("a copy still holds the secret after Wipe")
	}
}

func TestEqual(t *testing.T) {
	if !secret.New("a").Equal(secret.New("a")) || secret.New("a").Equal(secret.New("b")) || (secret.Value{}).Equal(secret.New("a")) {
		t.Fatal("Equal is wrong")
	}
	if !(secret.Value{}).IsZero() || secret.New("a").IsZero() {
		t.Fatal("IsZero is wrong")
	}
}
