// Package schematest compares what an Exchange simulator has recorded with the
// published schemas of Exchange Web Services.
//
// The schemas are Microsoft's and no part of this repository. EWS_SCHEMA_DIR
// names a folder that has them, with soap.xsd as the one to begin with; without
// it nothing is compared.
package schematest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Schemas is the folder with the schemas; empty if there is none.
func Schemas() string { return os.Getenv("EWS_SCHEMA_DIR") }

// Unset is what to say when nothing is compared.
const Unset = "EWS_SCHEMA_DIR is not set: recorded traffic was not compared with the published schemas"

// Records are requests and answers as a simulator has recorded them.
type Records struct {
	Dir string // they are in it, or below
	// Provoked tells that requests may be wrong on purpose: those that were
	// refused for their form are left out.
	Provoked bool
}

// Check compares all requests and answers with the schemas in a folder, each
// that is different from the others, and returns how many those were. The error
// names what is not valid; it is ErrNothing if there is nothing to compare.
func (r Records) Check(ctx context.Context, schemas string) (int, error) {
	files, err := r.different()
	if err != nil {
		return 0, fmt.Errorf("reading records: %w", err)
	}
	if len(files) == 0 {
		return 0, ErrNothing
	}
	files, done, err := asPublished(files)
	if err != nil {
		return 0, fmt.Errorf("reading streams: %w", err)
	}
	defer done()
	var bad []error
	for some := range slices.Chunk(files, 500) {
		args := append([]string{"--noout", "--nonet", "--schema", filepath.Join(schemas, "soap.xsd")}, some...)
		out, err := exec.CommandContext(ctx, "xmllint", args...).CombinedOutput()
		if err != nil {
			bad = append(bad, fmt.Errorf("xmllint: %w\n%s", err, complaints(string(out))))
		}
	}
	return len(files), errors.Join(bad...)
}

// ErrNothing tells that a folder has no records.
var ErrNothing = errors.New("there are no records to compare with the schemas")

// Validate checks the records of a simulator that tests have sent right and wrong
// requests to, if they sent any. It returns how many there were.
func Validate(t *testing.T, dir string) int {
	t.Helper()
	if Schemas() == "" {
		t.Log(Unset)
		return 0
	}
	n, err := Records{Dir: dir, Provoked: true}.Check(context.WithoutCancel(t.Context()), Schemas())
	if err != nil && !errors.Is(err, ErrNothing) {
		t.Errorf("traffic does not follow the schemas: %v", err)
	}
	t.Logf("%d different requests and answers compared with the published schemas", n)
	return n
}

var (
	// opaque are values of which the schemas say nothing but that they are text:
	// all polls of a quiet room differ in nothing else.
	opaque = regexp.MustCompile(`(SyncState|SubscriptionId|PreviousWatermark|Watermark)>[^<]*<`)
	// ofForm are the codes for requests that are refused for their form.
	ofForm = regexp.MustCompile(`<faultcode[^>]*>(\w+:)?Error(SchemaValidation|InvalidRequest|DuplicateSOAPHeader|` +
		`InvalidServerVersion|InvalidExchangeImpersonationHeaderData|RequestStreamTooBig)<`)
)

// different lists the messages, without those that are like another.
func (r Records) different() (files []string, err error) {
	seen := map[[sha256.Size]byte]bool{}
	err = filepath.WalkDir(r.Dir, func(file string, _ fs.DirEntry, err error) error {
		call, isRequest := strings.CutSuffix(file, ".request.xml")
		if err != nil || !isRequest && !strings.HasSuffix(file, ".response.xml") {
			return err
		}
		if r.Provoked && isRequest {
			refusal, err := os.ReadFile(call + ".response.xml")
			if err != nil || ofForm.Match(refusal) {
				return err
			}
		}
		content, err := os.ReadFile(file)
		if sum := sha256.Sum256(opaque.ReplaceAll(content, []byte("$1><"))); !seen[sum] {
			seen[sum] = true
			files = append(files, file)
		}
		return err
	})
	return files, err
}

// onTheWire are elements of streams that stand in another namespace on the wire
// than in the schemas.
var onTheWire = regexp.MustCompile(`(</?)m:(Notification|SubscriptionId)\b`)

// asPublished puts copies in the place of answers of streams, with the
// namespaces of the schemas; done removes them.
func asPublished(files []string) (out []string, done func(), err error) {
	dir, err := os.MkdirTemp("", "ews-streams-")
	if err != nil {
		return nil, nil, err
	}
	done = func() { _ = os.RemoveAll(dir) }
	for n, file := range files {
		if strings.HasSuffix(file, "-GetStreamingEvents.response.xml") {
			content, err := os.ReadFile(file)
			if err == nil {
				file = filepath.Join(dir, fmt.Sprintf("%d-%s", n, filepath.Base(file)))
				err = os.WriteFile(file, onTheWire.ReplaceAll(content, []byte("${1}t:$2")), 0o600)
			}
			if err != nil {
				done()
				return nil, nil, err
			}
		}
		out = append(out, file)
	}
	return out, done, nil
}

// complaints leaves out what is all right, and most of what is very wrong.
func complaints(out string) string {
	var bad []string
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); !strings.HasSuffix(line, " validates") {
			bad = append(bad, line[:min(len(line), 500)])
		}
	}
	return strings.Join(bad[:min(len(bad), 40)], "\n")
}
