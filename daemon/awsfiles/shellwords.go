package awsfiles

import "strings"

// shellWords is shlex.split of Python, by which botocore takes a header apart; not
// ok where a quote is not closed or nothing stands behind a backslash.
func shellWords(s string) (words []string, ok bool) {
	var word strings.Builder
	inWord := false
	for len(s) > 0 {
		c := s[0]
		s = s[1:]
		switch {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
			continue
		case c == '\\':
			if s == "" {
				return nil, false
			}
			word.WriteByte(s[0])
			s = s[1:]
		case c == '\'' || c == '"':
			if s, ok = quoted(s, c, &word); !ok {
				return nil, false
			}
		default:
			word.WriteByte(c)
		}
		inWord = true
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, true
}

// quoted writes what stands before the closing quote and returns what stands behind
// it. In double quotes a backslash keeps the meaning of itself and of the quote.
func quoted(s string, quote byte, word *strings.Builder) (rest string, ok bool) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == quote:
			return s[i+1:], true
		case s[i] == '\\' && quote == '"' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		word.WriteByte(s[i])
	}
	return "", false
}
