package awsfiles

import "strings"

// Standing returns every line of both files in which the secret of a key stands,
// whatever the line is: a comment, a setting of another tool, a section that no
// reader knows. These lines are the user's own, and only the user can say what they
// are for.
func (f Files) Standing(key Static) ([]Place, error) {
	if key.Secret.IsZero() {
		return nil, nil
	}
	var found []Place
	for _, file := range f.forms() {
		data, err := read(file.path)
		if err != nil {
			return nil, err
		}
		at := 0
		for text := range strings.Lines(string(data)) {
			at++
			if strings.Contains(text, key.Secret.Reveal()) {
				found = append(found, Place{file.path, at})
			}
		}
	}
	return found, nil
}
