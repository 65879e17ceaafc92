package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// row is a line of the table. Cells that do not apply are empty.
type row struct {
	scenario string
	measure  string
	median   string // or the one value there is
	p95      string
	limit    string // what the injected delays alone would make of it
	target   string
	met      verdict
}

// verdict is whether a target was met.
type verdict string

// The verdicts; the zero value is for measures without a target.
const (
	met    verdict = "yes"
	notMet verdict = "NO"
)

func metIf(ok bool) verdict {
	if ok {
		return met
	}
	return notMet
}

func (r row) cells() []string {
	return []string{r.scenario, r.measure, r.median, r.p95, r.limit, r.target, string(r.met)}
}

func head() []string {
	return []string{"scenario", "measure", "median", "p95", "limit", "target", "met"}
}

func (b *bench) add(r row) {
	b.rows = append(b.rows, r)
	b.say("%s: %s %s", r.measure, r.median, r.p95)
}

func printTable(out io.Writer, rows []row) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, cells := range lines(rows) {
		for i, cell := range cells {
			_, _ = fmt.Fprint(w, cell)
			if i < len(cells)-1 {
				_, _ = fmt.Fprint(w, "\t")
			}
		}
		_, _ = fmt.Fprintln(w)
	}
	_ = w.Flush()
}

func printMarkdown(out io.Writer, rows []row) {
	for i, cells := range lines(rows) {
		for _, cell := range cells {
			_, _ = fmt.Fprintf(out, "| %s ", cell)
		}
		_, _ = fmt.Fprintln(out, "|")
		if i == 0 {
			for range cells {
				_, _ = fmt.Fprint(out, "|---")
			}
			_, _ = fmt.Fprintln(out, "|")
		}
	}
}

func lines(rows []row) [][]string {
	out := [][]string{head()}
	for _, r := range rows {
		out = append(out, r.cells())
	}
	return out
}

// durations is a sample.
type durations []time.Duration

// quantile returns the smallest value that is not exceeded by this part of the
// sample.
func (d durations) quantile(part float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	i := int(part*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

func (d durations) median() time.Duration { return d.quantile(0.5) }
func (d durations) p95() time.Duration    { return d.quantile(0.95) }

// seconds shows a duration with two digits after the point.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s" }
