package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/awskeyd/awskeyd/daemon/atomicfile"
)

// SetStoreBackend writes [store] backend into a configuration file and changes
// no other byte of it. A missing file is made with mode 0600, its folder with
// 0700; links are followed. The file must be a valid one, and stay it.
func SetStoreBackend(path, backend string) error {
	return change(path, func(data []byte) ([]byte, error) { return setBackend(path, data, backend) })
}

// SetAWS writes a text setting of [aws] into a configuration file, like
// [SetStoreBackend].
func SetAWS(path, name, value string) error {
	return change(path, func(data []byte) ([]byte, error) {
		edited, _, err := set(path, data, "aws", name, value)
		return edited, err
	})
}

func change(path string, edit func([]byte) ([]byte, error)) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err != nil {
		return err
	}
	edited, err := edit(data)
	if err != nil || bytes.Equal(edited, data) {
		return err
	}
	return atomicfile.Edit(path, edited, 0o600)
}

// CheckStoreBackend says whether SetStoreBackend could make its edit, and
// changes nothing.
func CheckStoreBackend(path, backend string) error {
	data, err := os.ReadFile(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		_, err = setBackend(path, data, backend)
	}
	return err
}

func setBackend(path string, data []byte, backend string) ([]byte, error) {
	edited, l, err := set(path, data, "store", "backend", backend)
	if err != nil {
		return nil, err
	}
	return edited, checkStore(l.store)
}

// set returns the file with a setting written into it, and what it says then.
func set(path string, data []byte, tableName, name, value string) ([]byte, *layer, error) {
	now := time.Now()
	if _, err := check(setting{table: "[" + tableName + "]", name: name}, value, now); err != nil {
		return nil, nil, errors.New(err.(*Error).Text)
	}
	if _, err := parse(path, data, now); err != nil {
		return nil, nil, err
	}
	edited := placed(data, tableName, name, fmt.Sprintf("%q", value))
	l, err := parse(path, edited, now)
	if err == nil && map[string]table{"store": l.store, "aws": l.aws}[tableName][name].text == value {
		return edited, l, nil
	}
	// Such as `store = {}`, which nothing can be added to line by line.
	return nil, nil, &Error{File: path, Text: fmt.Sprintf("[%s] is written in a form that cannot be edited; write it as [%[1]s] with %s = %q below", tableName, name, shownValue(name, value))}
}

// shownValue keeps the password out of an error.
func shownValue(name, value string) string {
	if name == "proxy" {
		return examples["proxy"]
	}
	return value
}

// placed puts the value of a setting where it goes: over the old one, below its
// table, or at the end.
func placed(data []byte, tableName, name, value string) []byte {
	mark := len(data) - len(bytes.TrimPrefix(data, []byte(bom)))
	end := "\n"
	if bytes.Contains(data, []byte("\r\n")) {
		end = "\r\n"
	}
	line := name + " = " + value + end
	var table []string
	header := -1
	var p unstable.Parser
	p.Reset(data[mark:])
	for p.NextExpression() {
		e := p.Expression()
		var names []string
		last := 0
		for keys := e.Key(); keys.Next(); {
			names = append(names, string(keys.Node().Data))
			last = mark + int(keys.Node().Raw.Offset)
		}
		if e.Kind == unstable.Table {
			table = names
			if strings.Join(names, ".") == tableName {
				header = last
			}
			continue
		}
		if at := findValue(tableName+"."+name, append(table[:len(table):len(table)], names...), e.Value()); at != nil {
			from := mark + int(at.Raw.Offset)
			return splice(data, from, from+int(at.Raw.Length), value)
		}
	}
	if header >= 0 {
		at := len(data)
		if i := bytes.IndexByte(data[header:], '\n'); i >= 0 {
			at = header + i + 1
		} else {
			line = end + line
		}
		return splice(data, at, at, line)
	}
	line = "[" + tableName + "]" + end + line
	if len(data) > mark {
		line = end + line
		if data[len(data)-1] != '\n' {
			line = end + line
		}
	}
	return splice(data, len(data), len(data), line)
}

// findValue returns the value of a setting, also out of an inline table.
func findValue(wanted string, path []string, value *unstable.Node) *unstable.Node {
	if strings.Join(path, ".") == wanted {
		return value
	}
	if value.Kind != unstable.InlineTable {
		return nil
	}
	for children := value.Children(); children.Next(); {
		child := children.Node()
		inner := path[:len(path):len(path)]
		for keys := child.Key(); keys.Next(); {
			inner = append(inner, string(keys.Node().Data))
		}
		if found := findValue(wanted, inner, child.Value()); found != nil {
			return found
		}
	}
	return nil
}

func splice(data []byte, from, to int, text string) []byte {
	out := append([]byte(nil), data[:from]...)
	out = append(out, text...)
	return append(out, data[to:]...)
}
