package helper

import "syscall"

// arguments returns what follows the program's name on its command line. Only
// package os has them otherwise, and linking it costs every run.
func arguments(space []byte) ([]string, error) {
	text, err := readFile("/proc/self/cmdline", space[:0])
	if err != nil {
		return nil, &Error{Exit: ExitFailed, Code: "process", Message: "cannot read this program's arguments from /proc/self/cmdline: " + err.Error(),
			Remedy: "see that /proc is mounted"}
	}
	return split(text), nil
}

// split takes a command line apart, whose parts each end with a zero byte, and
// drops the first.
func split(text []byte) []string {
	var args []string
	begin := 0
	for i, c := range text {
		if c == 0 {
			if begin > 0 {
				args = append(args, string(text[begin:i]))
			}
			begin = i + 1
		}
	}
	return args
}

func readFile(path string, data []byte) ([]byte, error) {
	fd, err := open(path, syscall.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		switch n, err := syscall.Read(fd, data[len(data):cap(data)]); {
		case err == syscall.EINTR:
		case err != nil:
			return nil, err
		case n == 0:
			return data, nil
		default:
			data = data[:len(data)+n]
		}
	}
}

// executable returns the path of this program. One that was replaced since it
// began is now another file at the same place.
func executable() (string, error) {
	path, err := readlink("/proc/self/exe")
	if err != nil {
		return "", err
	}
	const gone = " (deleted)"
	if n := len(path) - len(gone); n > 0 && path[n:] == gone {
		path = path[:n]
	}
	return path, nil
}
