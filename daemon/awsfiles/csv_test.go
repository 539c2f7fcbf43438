package awsfiles

import (
	"strings"
	"testing"
)

const (
	testID     = "AKIAIOSFODNN7EXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

func TestReadCSV(t *testing.T) {
	for name, c := range map[string]struct{ text, user string }{
		"console of today":   {"\ufeffAccess key ID,Secret access key\r\n" + testID + "," + testSecret + "\r\n", ""},
		"no mark, no end":    {"Access key ID,Secret access key\n" + testID + "," + testSecret, ""},
		"five columns":       {"User name,Password,Access key ID,Secret access key,Console login link\n alice ,pa\"ss," + testID + "," + testSecret + ",https://1.signin.aws/console\n", "alice"},
		"configure import":   {"User Name,Access key ID,Secret access key\nalice," + testID + "," + testSecret + "\n", "alice"},
		"order and case":     {"SECRET ACCESS KEY, access  key id\n" + testSecret + "," + testID + "\n", ""},
		"quotes":             {`"Access key ID","Secret access key"` + "\n\"" + testID + `","` + testSecret + "\"\n", ""},
		"empty lines":        {"\nAccess key ID,Secret access key\n\n" + testID + "," + testSecret + "\n\n\n", ""},
		"another user's row": {"User name,Access key ID,Secret access key\nbob,,\nalice," + testID + "," + testSecret + "\n", "alice"},
	} {
		got, err := ReadCSV(strings.NewReader(c.text))
		if err != nil || got.AccessKeyID != testID || got.Secret.Reveal() != testSecret || got.User != c.user {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

func TestReadCSVRefuses(t *testing.T) {
	const head = "Access key ID,Secret access key\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":         {"", "the CSV file is empty"},
		"UTF-16":        {"\xff\xfeA\x00c\x00", "the CSV file is written in UTF-16; save it as UTF-8, or give the file as it was downloaded"},
		"UTF-16 bare":   {"A\x00c\x00", "the CSV file is written in UTF-16; save it as UTF-8, or give the file as it was downloaded"},
		"Latin-1":       {"User name,\xe4\n", "the CSV file is not UTF-8 text; give the file as it was downloaded"},
		"no header":     {testID + "," + testSecret + "\n", `the first line of the CSV file must name the columns "Access key ID" and "Secret access key"; give the file as the AWS console made it`},
		"twice":         {"Access key ID,Secret access key,access key id\n", `the first line of the CSV file names a column twice; it should be "Access key ID,Secret access key"`},
		"no rows":       {head, "the CSV file holds no access key; create one in the AWS console and download its file"},
		"two keys":      {head + testID + "," + testSecret + "\nAKIAI44QH8DHBEXAMPLE,x\n", "the CSV file holds 2 access keys; leave the one line that is meant below the first line, or type the key in"},
		"short row":     {head + testID + "\n", "line 2 of the CSV file does not have the 2 columns of its first line; download the file again, or type the key in"},
		"temporary":     {head + "ASIAIOSFODNN7EXAMPLE," + testSecret + "\n", "line 2 of the CSV file: the access key id begins with ASIA, so the key is temporary; awskeyd holds the keys of IAM users, which begin with AKIA"},
		"no secret":     {head + testID + ",\n", "line 2 of the CSV file: the secret access key is missing; AWS shows it only once, so create another access key"},
		"no id":         {head + "," + testSecret + "\n", "line 2 of the CSV file: the access key id is missing"},
		"bad id":        {head + "AKIA," + testSecret + "\n", "line 2 of the CSV file: the access key id is not one: 16 to 128 capital letters and digits"},
		"swapped":       {head + testSecret + "," + testID + "\n", "line 2 of the CSV file: the access key id is not one: 16 to 128 capital letters and digits"},
		"masked secret": {head + testID + ",****** shown once\n", "line 2 of the CSV file: the secret access key holds a character that no secret has; look at the file, or type the key in"},
		"huge":          {head + strings.Repeat("x", maxCSV), "the CSV file is longer than 65536 bytes; give the file that the AWS console made for one access key"},
	} {
		got, err := ReadCSV(strings.NewReader(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v %v\nwant %s", name, got, err, c.want)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("\ufeffAccess key ID,Secret access key\r\n" + testID + "," + testSecret + "\r\n")
	f.Add("User name,Password,Access key ID,Secret access key,Console login link\nalice,\"p\n,w\"," + testID + "," + testSecret + ",x\n")
	f.Add("Access key ID,Secret access key\n\"" + testID + "," + testSecret)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ReadCSV(strings.NewReader(text))
		if err != nil {
			if !c.Secret.IsZero() || c.AccessKeyID != "" {
				t.Errorf("an error, and yet credentials")
			}
			// Quoting the file would sooner or later quote a secret.
			for _, field := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",\"\r\n ", r) }) {
				if len(field) > 16 && strings.Contains(err.Error(), field) {
					t.Errorf("the error quotes the file: %v", err)
				}
			}
			return
		}
		// What was read is taken again from the plainest form of the file.
		again, err := ReadCSV(strings.NewReader("Access key ID,Secret access key\n" + c.AccessKeyID + "," + c.Secret.Reveal() + "\n"))
		if err != nil || again.AccessKeyID != c.AccessKeyID || !again.Secret.Equal(c.Secret) {
			t.Errorf("not read again: %v", err)
		}
	})
}
