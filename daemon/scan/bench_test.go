package scan

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkText is what a repository is like: code, and a base64 image now and then.
// BenchmarkCount beside it is the least that any search costs.
func BenchmarkText(b *testing.B) {
	for name, text := range benchTexts() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if err := Text(bytes.NewReader(text), func(f Found) { b.Fatal(f) }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCount(b *testing.B) {
	for name, text := range benchTexts() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				bytes.Count(text, []byte("AKIA"))
			}
		})
	}
}

func benchTexts() map[string][]byte {
	r := newRandom("bench")
	var sources []byte
	names, err := filepath.Glob("../rotation/*.go")
	if err != nil || len(names) == 0 {
		panic("there is no code to read")
	}
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			panic(err)
		}
		sources = append(sources, source...)
	}
	code := string(sources)
	image := wrap(r.of(code64, 1<<20), 76)
	return map[string][]byte{
		"code":   []byte(strings.Repeat(code, (4<<20)/len(code))),
		"base64": []byte(strings.Repeat(image, 4)),
		"binary": []byte(strings.Repeat(string(r.bytes(1<<20)), 4)),
		"small":  []byte(code[:4<<10]),
	}
}

// BenchmarkHostile is the worst that a text can do.
func BenchmarkHostile(b *testing.B) {
	for name, text := range hostile() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_ = Text(strings.NewReader(text), func(Found) {})
			}
		})
	}
}
