package e2e

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"ews/e2e/stage"
	"ews/simulator/exchangesim/schematest"
)

// compared is how a test tells what it compared with the published schemas.
const compared = "%d different requests to Exchange and answers follow the published schemas"

// recorded lets the simulators of a stage record all requests to Exchange and
// answers, which are compared with the published schemas when the test has
// ended, if there are schemas. It is called before the stage starts.
func recorded(t *testing.T, o stage.Options) stage.Options {
	t.Helper()
	if schematest.Schemas() == "" || slices.Contains(o.Simulator, "-record") {
		return o
	}
	dir := filepath.Join(t.TempDir(), "records")
	o.Simulator = append(slices.Clone(o.Simulator), "-record", dir)
	t.Cleanup(func() {
		if n, err := follows(context.WithoutCancel(t.Context()), dir); err != nil {
			t.Error(err)
		} else if n > 0 {
			t.Logf(compared, n)
		}
	})
	return o
}

// follows compares what was recorded; a stage on which nobody asked Exchange
// anything has nothing to compare.
func follows(ctx context.Context, dir string) (int, error) {
	if files, err := filepath.Glob(filepath.Join(dir, "*.xml")); err == nil && len(files) == 0 {
		return 0, nil
	}
	return schematest.Records{Dir: dir}.Check(ctx, schematest.Schemas())
}
