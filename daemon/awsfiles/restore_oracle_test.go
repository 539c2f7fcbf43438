package awsfiles

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"pgregory.net/rapid"

	"github.com/awskeyd/awskeyd/store/secret"
)

// credentialsReader names the sections of a credentials file as botocore does.
var credentialsReader = strings.NewReplacer("load_config(json.loads(line))[\"profiles\"]", "raw_config_parse(json.loads(line))", "load_config", "raw_config_parse").Replace(botocoreReader)

// anyCredentials is a credentials file as people have them, and as they should
// not.
func anyCredentials(t *rapid.T) string {
	lines := rapid.SliceOfN(rapid.SampledFrom([]string{
		"", "", "[default]", "[work]", "[work]", "[b]", "[b] # x", "  [b]", "[ work ]", "[profile work]", "[work] x",
		"region = eu-west-1   # inline", "region=x;y", "output=json", "  output = json", "\toutput = text", "# comment", "  ; comment",
		"s3 =", "  max_queue_size = 10", "    deep", "credential_process = /old/awskey-helper work", "role_arn = arn:x",
		"aws_access_key_id = " + staticID, "aws_secret_access_key = " + staticSecret, "aws_session_token = t", "junk", " ", "cli_pager=", bom,
	}), 0, 10).Draw(t, "credentials")
	end := rapid.SampledFrom([]string{"\n", "\n", "\r\n"}).Draw(t, "end")
	text := strings.Join(lines, end)
	if rapid.Bool().Draw(t, "ended") {
		text += end
	}
	return text
}

// Whatever the files: after a Restore both readers find the key in every AWS
// profile that it tells, and everything else as before; or nothing is changed.
func TestReadersSeeTheRestoredKeyAndNothingElse(t *testing.T) {
	cli, cliCredentials := startBotocore(t), startPython(t, credentialsReader)
	f := files(t, "-", "-")
	accepted, readable := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		before := []string{anyConfig(t), anyCredentials(t)}
		for i, path := range []string{f.Config, f.Credentials} {
			if err := os.WriteFile(path, []byte(before[i]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cliBefore := []map[string]map[string]any{cli.profiles(t, f.Config), cliCredentials.profiles(t, f.Credentials)}
		goBefore := goProfiles(t, f)
		done, err := f.Restore(workReturn())
		if err != nil {
			if text(t, f.Config) != before[0] || text(t, f.Credentials) != before[1] {
				t.Fatalf("refused, and yet changed: %v", err)
			}
			return
		}
		accepted++
		after := text(t, f.Config) + "\n--\n" + text(t, f.Credentials)
		goAfter := goProfiles(t, f)
		for _, p := range allProfiles {
			was, read := goBefore[p].(config.SharedConfig)
			now, reads := goAfter[p].(config.SharedConfig)
			if !slices.Contains(done.Profiles, p) {
				if !reflect.DeepEqual(goBefore[p], goAfter[p]) && (read || reads) {
					t.Fatalf("the Go SDK reads another profile %s from\n%s", p, after)
				}
				continue
			}
			if !reads || now.Credentials.AccessKeyID != staticID || now.Credentials.SecretAccessKey != staticSecret || now.CredentialProcess != "" {
				t.Fatalf("the Go SDK reads %+v from\n%s", goAfter[p], after)
			}
			was.Credentials, was.CredentialProcess = now.Credentials, ""
			if read && !reflect.DeepEqual(was, now) {
				t.Fatalf("the Go SDK reads\n%+v\nand before\n%+v\nfrom\n%s", now, was, after)
			}
		}
		if cliBefore[0] == nil || cliBefore[1] == nil {
			return // the AWS CLI reads neither file then
		}
		readable++
		configAfter, credentialsAfter := cli.profiles(t, f.Config), cliCredentials.profiles(t, f.Credentials)
		for _, p := range done.Profiles {
			key := credentialsAfter[p]
			if key["aws_access_key_id"] == nil {
				key = configAfter[p]
			}
			if key["aws_access_key_id"] != staticID || key["aws_secret_access_key"] != staticSecret || configAfter[p][processKey] != nil || credentialsAfter[p][processKey] != nil {
				t.Fatalf("botocore reads %v and %v from\n%s", configAfter[p], credentialsAfter[p], after)
			}
		}
		for i, now := range []map[string]map[string]any{configAfter, credentialsAfter} {
			without(cliBefore[i], done.Profiles)
			without(now, done.Profiles)
			if !reflect.DeepEqual(cliBefore[i], now) {
				t.Fatalf("botocore reads\n%v\nand before\n%v\nfrom\n%s", now, cliBefore[i], after)
			}
		}
	})
	if accepted < 15 || readable < 8 {
		t.Errorf("only %d were accepted, %d of files that botocore reads", accepted, readable)
	}
}

// without leaves out what a Restore is about.
func without(all map[string]map[string]any, profiles []string) {
	for _, p := range profiles {
		for _, key := range []string{"aws_access_key_id", "aws_secret_access_key", processKey} {
			delete(all[p], key)
		}
		if len(all[p]) == 0 {
			delete(all, p)
		}
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte("[profile work]\r\n"+workLine), []byte("[work]\nregion=x\n\n[b]"))
	f.Add([]byte("[default]\n"+workLine+"[profile a]\n"+workLine+"\n"), []byte(bom+"[a]\n"+staticPair))
	f.Add([]byte("[profile work]\n"+staticPair+workLine), []byte("[work]\nx"))
	f.Add([]byte("[profile a]\n"+processKey+" = other\n[profile work]\n"+workLine), []byte("[a]\n"+staticPair))
	f.Fuzz(func(t *testing.T, configData, credentialsData []byte) {
		r := workReturn()
		r.Key.Secret = secret.New(staticSecret)
		open := func(config, credentials []byte) (opened, error) {
			var files opened
			for _, one := range []struct {
				form form
				data []byte
			}{{configForm, config}, {credentialsForm, credentials}} {
				doc, err := parse(one.data)
				if err != nil {
					return nil, err
				}
				files = append(files, openedFile{formedFile{"x", one.form}, doc})
			}
			return files, nil
		}
		files, err := open(configData, credentialsData)
		if err != nil {
			return
		}
		profiles, err := files.restore(r)
		if err != nil {
			if strings.Contains(err.Error(), staticSecret) {
				t.Fatal("the error quotes the secret")
			}
			return
		}
		for _, file := range files {
			for _, l := range file.doc.lines {
				if l.origin > 0 && l.text != file.doc.was[l.origin-1].text {
					t.Fatalf("line %d was changed", l.origin)
				}
			}
			for _, c := range file.doc.changes("x") {
				if strings.Contains(c.New, staticSecret) {
					t.Fatal("a change shows the secret")
				}
			}
		}
		// Our own reading of what was written agrees, and nothing is left to do.
		again, err := open(files[0].doc.bytes(), files[1].doc.bytes())
		if err != nil {
			t.Fatalf("%v in\n%s\n%s", err, files[0].doc.bytes(), files[1].doc.bytes())
		}
		for _, p := range profiles {
			if s, err := again.static(p); err != nil || !s.same(r.Key) {
				t.Fatalf("%s is not read back (%v) from\n%q\n%q", p, err, files[0].doc.bytes(), files[1].doc.bytes())
			}
		}
		if _, err := again.restore(r); err != nil || len(again[0].doc.changes("x"))+len(again[1].doc.changes("x")) > 0 {
			t.Fatalf("restored again: %v %v %v", again[0].doc.changes("x"), again[1].doc.changes("x"), err)
		}
	})
}
