package browsertest

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"strings"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// axe is axe-core 4.14.1, Copyright Deque Systems, under the Mozilla Public
// License 2.0: the file axe.min.js of the npm package of that name, unchanged
// (sha256-KTSJmUUM3yhJqOcLeRL8LahahJ2jnA0NU5T1HUqe2Vw=), compressed. It audits
// pages in tests and is no part of the product.
//
//go:embed axe.min.js.gz
var axe []byte

// Violation is a rule of accessibility that a page breaks.
type Violation struct {
	ID     string
	Impact string // minor, moderate, serious, critical
	Help   string
	Nodes  []struct {
		HTML           string
		FailureSummary string
	}
}

// Audit requires that axe-core finds nothing that keeps people from using the
// page as it is now: no violation that is serious or critical.
func (p *Page) Audit() {
	p.t.Helper()
	var report strings.Builder
	for _, v := range p.Violations() {
		if v.Impact != "serious" && v.Impact != "critical" {
			continue
		}
		fmt.Fprintf(&report, "%s (%s): %s\n", v.ID, v.Impact, v.Help)
		for _, n := range v.Nodes {
			fmt.Fprintf(&report, "    %s\n    %s\n", n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", "\n    "))
		}
	}
	if report.Len() > 0 {
		require.Fail(p.t, "the page keeps people out", report.String())
	}
}

// Violations are all that axe-core finds.
func (p *Page) Violations() []Violation {
	p.t.Helper()
	unpacked, err := gzip.NewReader(bytes.NewReader(axe))
	require.NoError(p.t, err)
	source, err := io.ReadAll(unpacked)
	require.NoError(p.t, err)
	run(p, "loading axe-core", chromedp.Evaluate[chromedp.Void](string(source)))
	return Eval[[]Violation](p, `axe.run(document, { resultTypes: ["violations"] }).then(r => r.violations)`)
}
