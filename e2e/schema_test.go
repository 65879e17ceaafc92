package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// schemas is a folder with the published schemas of Exchange Web Services and a
// script that validates; empty if there is none.
func schemas() string { return os.Getenv("EWS_SCHEMA_DIR") }

// opaque are values of which the schemas say nothing but that they are text:
// all polls of a quiet room differ in nothing else.
var opaque = regexp.MustCompile(`(SyncState|SubscriptionId|PreviousWatermark|Watermark)>[^<]*<`)

// validate compares recorded requests and answers with the published schemas,
// each that is different from the others, and returns how many there were.
func validate(ctx context.Context, records string) (int, error) {
	files, err := filepath.Glob(filepath.Join(records, "*.xml"))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no records in %s: %w", records, err)
	}
	seen := map[[sha256.Size]byte]bool{}
	var different []string
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return 0, fmt.Errorf("reading a record: %w", err)
		}
		if sum := sha256.Sum256(opaque.ReplaceAll(raw, []byte("$1><"))); !seen[sum] {
			seen[sum] = true
			different = append(different, file)
		}
	}
	for some := range slices.Chunk(different, 500) {
		out, err := exec.CommandContext(ctx, filepath.Join(schemas(), "validate"), some...).CombinedOutput()
		if err != nil {
			return len(different), fmt.Errorf("%w\n%s", err, notValid(string(out)))
		}
	}
	return len(different), nil
}

// notValid leaves out what is all right.
func notValid(out string) string {
	lines := slices.DeleteFunc(strings.Split(out, "\n"), func(line string) bool { return strings.HasSuffix(line, " validates") })
	return strings.Join(lines[:min(len(lines), 20)], "\n")
}
