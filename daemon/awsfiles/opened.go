package awsfiles

import "fmt"

// opened are both files as they were read: the config first, then the credentials
// file. What needs to see both reads and reworks them here, in memory.
type opened []openedFile

type openedFile struct {
	formedFile
	doc *document
}

type formedFile struct {
	path string
	form form
}

func (f Files) forms() []formedFile {
	return []formedFile{{f.Config, configForm}, {f.Credentials, credentialsForm}}
}

func (f Files) open() (opened, error) {
	var files opened
	for _, file := range f.forms() {
		one, err := openFile(file)
		if err != nil {
			return nil, err
		}
		files = append(files, one)
	}
	return files, nil
}

func openFile(file formedFile) (openedFile, error) {
	data, err := read(file.path)
	if err != nil {
		return openedFile{}, err
	}
	doc, err := parse(data)
	if err != nil {
		return openedFile{}, fmt.Errorf("%s:%w", file.path, err)
	}
	return openedFile{file, doc}, nil
}
