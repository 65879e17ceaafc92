// Package deploy_test checks what the app is delivered with: the release, the
// images and the manifests. What they name has to exist in the program.
package deploy_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	commit    = "0123456789ab"
	timestamp = "2026-11-22T09:00:00Z"
)

// TestTheReleaseIsReproducible builds the release of the same sources in two
// places: whoever doubts a binary can make it again.
func TestTheReleaseIsReproducible(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the app twice")
	}
	first, second := release(t), release(t)
	for name, content := range first {
		require.True(t, bytes.Equal(content, second[name]), "%s differs", name)
	}
	base := "ews_1.0.0_linux_" + runtime.GOARCH
	require.Len(t, first, 3)
	require.Contains(t, string(first["SHA256SUMS"]), base+".tar.gz")
	require.Contains(t, string(first["SHA256SUMS"]), base+".cdx.json")

	files := unpack(t, first[base+".tar.gz"])
	for _, name := range []string{"ews", "metadata.json", "icon", "openapi.yaml", "LICENSE", "LICENSES-OF-MODULES.txt", "CHANGELOG.md"} {
		require.NotEmpty(t, files[base+"/"+name], name)
	}
	binary := files[base+"/ews"]
	requireStatic(t, binary)
	require.NotContains(t, string(binary), root(t), "the binary names folders of the machine that built it")
	path := filepath.Join(t.TempDir(), "ews")
	require.NoError(t, os.WriteFile(path, binary, 0o700))
	out, err := exec.CommandContext(t.Context(), path, "-version").Output()
	require.NoError(t, err)
	require.Equal(t, commit+" "+timestamp+"\n", string(out))

	requireBill(t, first[base+".cdx.json"], path)
}

// release returns the files of a release made from a copy of the sources.
func release(t *testing.T) map[string][]byte {
	t.Helper()
	from, to := root(t), t.TempDir()
	list, err := run(t, from, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimRight(list, "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted and not committed yet
		}
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(to, name), content, 0o600))
	}
	out, err := run(t, to, "make", "release", "PLATFORMS=linux/"+runtime.GOARCH, "VERSION=1.0.0", "COMMIT="+commit, "TIMESTAMP="+timestamp)
	require.NoError(t, err, out)
	files := map[string][]byte{}
	entries, err := os.ReadDir(filepath.Join(to, "bin/release"))
	require.NoError(t, err)
	for _, e := range entries {
		files[e.Name()], err = os.ReadFile(filepath.Join(to, "bin/release", e.Name()))
		require.NoError(t, err)
	}
	return files
}

func run(t *testing.T, folder, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func root(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("..")
	require.NoError(t, err)
	return path
}

func unpack(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	require.NoError(t, err)
	files := map[string][]byte{}
	for reader := tar.NewReader(zipped); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		require.Equal(t, []int{0, 0}, []int{header.Uid, header.Gid}, header.Name)
		require.Equal(t, timestamp, header.ModTime.UTC().Format("2006-01-02T15:04:05Z"), header.Name)
		files[header.Name], err = io.ReadAll(reader)
		require.NoError(t, err)
	}
}

// requireStatic: an image made of nothing but the binary has no loader.
func requireStatic(t *testing.T, binary []byte) {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(binary))
	require.NoError(t, err)
	for _, program := range file.Progs {
		require.NotEqual(t, elf.PT_INTERP, program.Type, "the binary needs a loader")
	}
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries)
}

// requireBill compares the bill of materials with what the Go command says.
func requireBill(t *testing.T, raw []byte, binary string) {
	t.Helper()
	var bill struct {
		BOMFormat    string
		SpecVersion  string
		SerialNumber string
		Metadata     struct {
			Timestamp string
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version, Purl string }
	}
	require.NoError(t, json.Unmarshal(raw, &bill))
	require.Equal(t, []string{"CycloneDX", "1.6", timestamp, "ews", "1.0.0"}, []string{
		bill.BOMFormat, bill.SpecVersion, bill.Metadata.Timestamp, bill.Metadata.Component.Name, bill.Metadata.Component.Version,
	})
	require.Regexp(t, `^urn:uuid:[0-9a-f-]{36}$`, bill.SerialNumber)
	out, err := run(t, root(t), "go", "version", "-m", binary)
	require.NoError(t, err, out)
	want := []string{"std@" + strings.TrimPrefix(runtime.Version(), "go")}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		switch {
		case len(fields) >= 3 && fields[0] == "dep":
			want = append(want, fields[1]+"@"+fields[2])
		case len(fields) >= 3 && fields[0] == "=>": // stands in for the line before
			want[len(want)-1] = fields[1] + "@" + fields[2]
		}
	}
	var got []string
	for _, c := range bill.Components {
		got = append(got, c.Name+"@"+c.Version)
		require.Equal(t, "pkg:golang/"+c.Name+"@"+strings.ReplaceAll(c.Version, "+", "%2B"), c.Purl)
	}
	require.ElementsMatch(t, want, got)
	require.Greater(t, len(got), 20)
}
