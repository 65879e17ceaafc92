// Command bill writes what a binary consists of, as it says itself: a software
// bill of materials in the format CycloneDX, and the licences of all modules.
// The same binary gives the same bill.
package main

import (
	"bytes"
	"cmp"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bill:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bill", flag.ContinueOnError)
	binary := flags.String("binary", "", "`file` to describe")
	version := flags.String("version", "", "its version")
	timestamp := flags.String("timestamp", "", "when it was built, as in 2026-11-22T09:00:00Z")
	bill := flags.String("sbom", "", "`file` for the bill of materials")
	licences := flags.String("licenses", "", "`file` for the licences")
	if err := flags.Parse(args); err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(*binary)
	if err != nil {
		return fmt.Errorf("reading %s: %w", *binary, err)
	}
	if *bill != "" {
		if err := write(*bill, func(w io.Writer) error { return encode(w, materials(info, *version, *timestamp)) }); err != nil {
			return err
		}
	}
	if *licences == "" {
		return nil
	}
	folders, err := moduleFolders(ctx)
	if err != nil {
		return err
	}
	all := append([]debug.Module{{Path: standardLibrary}}, modules(info)...)
	return write(*licences, func(w io.Writer) error { return writeLicences(w, all, folders) })
}

func write(path string, content func(io.Writer) error) error {
	out := &bytes.Buffer{}
	if err := content(out); err != nil {
		return err
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil { //nolint:gosec // for everybody to read
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// modules are the modules linked into the binary, by path, as they are used:
// a replacement stands in for what it replaces.
func modules(info *debug.BuildInfo) []debug.Module {
	used := make([]debug.Module, 0, len(info.Deps))
	for _, m := range info.Deps {
		for m.Replace != nil {
			m = m.Replace
		}
		used = append(used, *m)
	}
	slices.SortFunc(used, func(a, b debug.Module) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Version, b.Version))
	})
	return used
}

// materials describes the binary and what is linked into it.
func materials(info *debug.BuildInfo, version, timestamp string) *cdx.BOM {
	setting := map[string]string{}
	for _, s := range info.Settings {
		setting[s.Key] = s.Value
	}
	root := "pkg:golang/" + info.Main.Path + "@" + version + "?goarch=" + setting["GOARCH"] + "&goos=" + setting["GOOS"]
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Timestamp: timestamp, Component: &cdx.Component{
		BOMRef: root, Type: cdx.ComponentTypeApplication, Name: info.Main.Path, Version: version, PackageURL: root,
		Description: "Exchange app for Eliona",
		Licenses:    &cdx.Licenses{{License: &cdx.License{ID: "MIT"}}},
	}}
	goVersion := strings.TrimPrefix(info.GoVersion, "go")
	components := []cdx.Component{library(standardLibrary, goVersion)}
	for _, m := range modules(info) {
		c := library(m.Path, m.Version)
		if m.Sum != "" {
			c.Properties = &[]cdx.Property{{Name: "go.sum", Value: m.Sum}}
		}
		components = append(components, c)
	}
	var needed []string
	dependencies := []cdx.Dependency{{Ref: root}}
	for _, c := range components {
		needed = append(needed, c.BOMRef)
		dependencies = append(dependencies, cdx.Dependency{Ref: c.BOMRef})
	}
	dependencies[0].Dependencies = &needed
	bom.Components, bom.Dependencies = &components, &dependencies
	bom.SerialNumber = "urn:uuid:" + uuid.NewSHA1(uuid.NameSpaceURL, []byte(strings.Join(append([]string{root, timestamp}, needed...), "\n"))).String()
	return bom
}

// standardLibrary is the name under which databases of vulnerabilities know it.
const standardLibrary = "std"

func library(path, version string) cdx.Component {
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	return cdx.Component{BOMRef: purl, Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: purl, Scope: cdx.ScopeRequired}
}

func encode(w io.Writer, bom *cdx.BOM) error {
	encoder := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON)
	encoder.SetPretty(true)
	encoder.SetEscapeHTML(false)
	if err := encoder.EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return fmt.Errorf("encoding the bill of materials: %w", err)
	}
	return nil
}

// moduleFolders are the folders of the modules' sources, by path@version.
func moduleFolders(ctx context.Context) (map[string]string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-json", "all").Output()
	if err != nil {
		return nil, fmt.Errorf("listing the modules: %w", err)
	}
	type module struct {
		Path, Version, Dir string
		Replace            *module
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("finding Go: %w", err)
	}
	folders := map[string]string{standardLibrary + "@": strings.TrimSpace(string(root))}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var m module
		switch err := decoder.Decode(&m); {
		case errors.Is(err, io.EOF):
			return folders, nil
		case err != nil:
			return nil, fmt.Errorf("reading the list of modules: %w", err)
		}
		for _, known := range []*module{&m, m.Replace} {
			if known != nil && known.Dir != "" {
				folders[known.Path+"@"+known.Version] = known.Dir
			}
		}
	}
}

var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-_][a-z_-]+)?(\.(md|txt))?$`)

// writeLicences writes the licences of the modules one after the other. A module
// without any is an error: somebody has to find out on which terms it may be
// passed on.
func writeLicences(w io.Writer, used []debug.Module, folders map[string]string) error {
	for _, m := range used {
		name := m.Path + "@" + m.Version
		entries, err := os.ReadDir(folders[name])
		if err != nil {
			return fmt.Errorf("looking for the licence of %s: %w", name, err)
		}
		found := false
		for _, e := range entries {
			if e.IsDir() || !licenceName.MatchString(e.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(folders[name], e.Name()))
			if err != nil {
				return fmt.Errorf("reading the licence of %s: %w", name, err)
			}
			found = true
			if _, err := fmt.Fprintf(w, "==== %s: %s\n\n%s\n\n", name, e.Name(), bytes.TrimSpace(text)); err != nil {
				return err
			}
		}
		if !found {
			return fmt.Errorf("%s has no licence", name)
		}
	}
	return nil
}
