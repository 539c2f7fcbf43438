package awsfiles

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/awskeyd/awskeyd/store/secret"
)

// Credentials is what the console's download holds.
type Credentials struct {
	AccessKeyID string
	Secret      secret.Value
	User        string // the IAM user, only in files that name it
}

const maxCSV = 64 << 10 // bytes; the console's own files have some hundred

// AWS promises no more of an access key id than this (API reference of IAM,
// AccessKeyMetadata); AKIA is the prefix of a long-term key and ASIA that of a
// temporary one (IAM user guide, unique identifiers).
var accessKeyID = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)

// ReadCSV reads the file that the AWS console offers with a new access key:
// accessKeys.csv of today (byte order mark, CRLF, two columns), the older
// credentials.csv with five, and what `aws configure import` takes. Columns
// are found by their names, in any order and case. No error quotes a value.
func ReadCSV(r io.Reader) (Credentials, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxCSV+1))
	switch {
	case err != nil:
		return Credentials{}, fmt.Errorf("cannot read the CSV file: %w", err)
	case len(data) > maxCSV:
		return Credentials{}, fmt.Errorf("the CSV file is longer than %d bytes; give the file that the AWS console made for one access key", maxCSV)
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}), bytes.IndexByte(data, 0) >= 0:
		return Credentials{}, errors.New("the CSV file is written in UTF-16; save it as UTF-8, or give the file as it was downloaded")
	case !utf8.Valid(data):
		return Credentials{}, errors.New("the CSV file is not UTF-8 text; give the file as it was downloaded")
	}
	rows := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	rows.FieldsPerRecord = -1 // compared below, for an error in our own words
	rows.LazyQuotes = true    // a console password, unquoted in old files, may hold a quote
	header, err := rows.Read()
	if err != nil {
		return Credentials{}, errors.New("the CSV file is empty")
	}
	columns, err := findColumns(header)
	if err != nil {
		return Credentials{}, err
	}
	var found []Credentials
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil { // with LazyQuotes no text is known to come here
			return Credentials{}, errors.New("the CSV file cannot be read; download it again, or type the key in")
		}
		line, _ := rows.FieldPos(0)
		if len(row) != len(header) {
			return Credentials{}, fmt.Errorf("line %d of the CSV file does not have the %d columns of its first line; download the file again, or type the key in", line, len(header))
		}
		c, err := columns.pick(row)
		if err != nil {
			return Credentials{}, fmt.Errorf("line %d of the CSV file: %w", line, err)
		}
		if c.AccessKeyID != "" {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return Credentials{}, errors.New("the CSV file holds no access key; create one in the AWS console and download its file")
	case 1:
		return found[0], nil
	}
	return Credentials{}, fmt.Errorf("the CSV file holds %d access keys; leave the one line that is meant below the first line, or type the key in", len(found))
}

// columns holds where each value stands in a row; user is -1 when absent.
type columns struct{ id, secret, user int }

func findColumns(header []string) (columns, error) {
	c := columns{-1, -1, -1}
	for i, name := range header {
		var at *int
		switch strings.ToLower(strings.Join(strings.Fields(name), "")) {
		case "accesskeyid":
			at = &c.id
		case "secretaccesskey":
			at = &c.secret
		case "username":
			at = &c.user
		default:
			continue
		}
		if *at >= 0 {
			return c, errors.New(`the first line of the CSV file names a column twice; it should be "Access key ID,Secret access key"`)
		}
		*at = i
	}
	if c.id < 0 || c.secret < 0 {
		return c, errors.New(`the first line of the CSV file must name the columns "Access key ID" and "Secret access key"; give the file as the AWS console made it`)
	}
	return c, nil
}

func (c columns) pick(row []string) (Credentials, error) {
	id, key := strings.TrimSpace(row[c.id]), strings.TrimSpace(row[c.secret])
	if id == "" && key == "" {
		return Credentials{}, nil // a user with a console password alone
	}
	if err := checkPair(id, key); err != nil {
		return Credentials{}, err
	}
	user := ""
	if c.user >= 0 {
		user = strings.TrimSpace(row[c.user])
	}
	return Credentials{AccessKeyID: id, Secret: secret.New(key), User: user}, nil
}
