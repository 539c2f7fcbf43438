//go:build long

package storetest

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Wine runs programs of Windows in a Windows of their own.
type Wine struct {
	t       testing.TB
	program string
	prefix  string
}

// NewWine makes one. That takes half a minute.
func NewWine(t testing.TB) *Wine {
	t.Helper()
	w := &Wine{t: t, prefix: filepath.Join(t.TempDir(), "wine")}
	for _, path := range []string{"wine64", "/usr/lib/wine/wine64"} {
		if found, err := exec.LookPath(path); err == nil {
			w.program = found
		}
	}
	if w.program == "" {
		t.Fatal("wine64 is missing; sudo apt-get install -y wine wine64")
	}
	t.Cleanup(func() { // its services outlive the programs
		if server, err := exec.LookPath(filepath.Join(filepath.Dir(w.program), "wineserver64")); err == nil {
			end := exec.Command(server, "-k")
			end.Env = w.environ()
			end.Run()
		}
	})
	w.Run("wineboot", "--init")
	dll := filepath.Join(w.prefix, "drive_c/windows/system32/bcryptprimitives.dll")
	if _, err := os.Stat(dll); err != nil {
		if err := os.WriteFile(dll, forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *Wine) environ() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DISPLAY=") && !strings.HasPrefix(v, "WAYLAND_DISPLAY=") {
			env = append(env, v)
		}
	}
	return append(env, "WINEPREFIX="+w.prefix, "WINEARCH=win64", "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=;winemenubuilder.exe=d")
}

// Run runs a program to its end and returns what it says; a program that fails
// ends the test.
func (w *Wine) Run(program string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(w.program, append([]string{program}, args...)...)
	cmd.Env = w.environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s under wine: %v\n%s", program, err, out)
	}
	return string(out)
}

// forwarder is a library of Windows without code, whose one function is that of
// another library. Wine 8 lacks bcryptprimitives.dll, and with it the random
// numbers without which Go programs do not start (golang/go#61058).
func forwarder(library, function, to string) []byte {
	const (
		fileAlign, imageAlign = 0x200, 0x1000
		at                    = imageAlign // of the only section, once loaded
		fixed                 = 52         // bytes of exports
	)
	exports := struct {
		Flags, Time                                          uint32
		Major, Minor                                         uint16
		Name, Base, Functions, Names                         uint32
		AddressOfFunctions, AddressOfNames, AddressOfNumbers uint32
		// The tables: one function, one name, and which function it names.
		Function, FunctionName uint32
		Number, _              uint16
	}{
		Name: at + fixed, Base: 1, Functions: 1, Names: 1,
		AddressOfFunctions: at + 40, AddressOfNames: at + 44, AddressOfNumbers: at + 48,
	}
	texts := library + "\x00" + function + "\x00" + to + "\x00"
	exports.FunctionName = exports.Name + uint32(len(library)) + 1
	exports.Function = exports.FunctionName + uint32(len(function)) + 1 // in the section itself: a forward
	size := uint32(fixed + len(texts))

	var b bytes.Buffer
	put := func(parts ...any) {
		for _, p := range parts {
			binary.Write(&b, binary.LittleEndian, p) // into memory, of fixed sizes
		}
	}
	fill := func(to int) { b.Write(make([]byte, to-b.Len())) }
	dos := [64]byte{0: 'M', 1: 'Z', 60: 64}
	optional := pe.OptionalHeader64{
		Magic: 0x20b, SizeOfInitializedData: fileAlign, ImageBase: 0x180000000,
		SectionAlignment: imageAlign, FileAlignment: fileAlign, MajorOperatingSystemVersion: 6, MajorSubsystemVersion: 6,
		SizeOfImage: 2 * imageAlign, SizeOfHeaders: fileAlign, Subsystem: pe.IMAGE_SUBSYSTEM_WINDOWS_CUI,
		DllCharacteristics:  pe.IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE | pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
		NumberOfRvaAndSizes: 16,
	}
	optional.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT] = pe.DataDirectory{VirtualAddress: at, Size: size}
	put(dos, []byte("PE\x00\x00"), pe.FileHeader{
		Machine: pe.IMAGE_FILE_MACHINE_AMD64, NumberOfSections: 1, SizeOfOptionalHeader: uint16(binary.Size(optional)),
		Characteristics: pe.IMAGE_FILE_EXECUTABLE_IMAGE | pe.IMAGE_FILE_LARGE_ADDRESS_AWARE | pe.IMAGE_FILE_DLL,
	}, optional, pe.SectionHeader32{
		Name: [8]uint8{'.', 'e', 'd', 'a', 't', 'a'}, VirtualSize: size, VirtualAddress: at,
		SizeOfRawData: fileAlign, PointerToRawData: fileAlign, Characteristics: pe.IMAGE_SCN_CNT_INITIALIZED_DATA | pe.IMAGE_SCN_MEM_READ,
	})
	fill(fileAlign)
	put(exports, []byte(texts))
	fill(2 * fileAlign)
	return b.Bytes()
}
