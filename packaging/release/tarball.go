package main

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
)

// tarball writes the files below one folder, to be unpacked in any place.
func (r *release) tarball(t target, files []file) error {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		mode := int64(0o644)
		if f.program {
			mode = 0o755
		}
		header := &tar.Header{Name: r.name(t) + "/" + f.path, Mode: mode, Size: int64(len(f.data)), ModTime: r.date}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, r.name(t)+".tar.gz"), zipped(b.Bytes()), 0o644)
}
