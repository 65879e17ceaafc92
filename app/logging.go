package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	elionalog "github.com/eliona-smart-building-assistant/go-utils/log"
)

// NewLogger returns a logger that writes lines in the form all Eliona apps
// write: level, time, tag and text, separated by tabs. LOG_LEVEL chooses what
// is written; its values are those of the Eliona log package, where a value
// that is not known means debug.
func NewLogger(out io.Writer, env func(string) (string, bool)) *slog.Logger {
	level := slog.LevelInfo
	if name, ok := env("LOG_LEVEL"); ok {
		if level, ok = levels[strings.ToLower(name)]; !ok {
			level = slog.LevelDebug
		}
	}
	lines := elionalog.New(out)
	lines.SetLevel(elionalog.TraceLevel) // the handler has filtered already
	return slog.New(&handler{lines: lines, level: level, tag: "app"})
}

// levelFatal and levelTrace extend the levels of slog on both ends.
const (
	levelTrace = slog.LevelDebug - 4
	levelFatal = slog.LevelError + 4
)

var levels = map[string]slog.Level{
	"fatal": levelFatal, "error": slog.LevelError, "warn": slog.LevelWarn, "warning": slog.LevelWarn,
	"info": slog.LevelInfo, "debug": slog.LevelDebug, "trace": levelTrace,
}

// handler writes slog records as log lines. The attribute "component" becomes
// the tag.
type handler struct {
	lines  *elionalog.Logger
	level  slog.Level
	tag    string
	prefix string // group names
	attrs  string // rendered attributes
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// Handle implements slog.Handler. A record is one line, whatever it holds.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	line := &strings.Builder{}
	line.WriteString(oneLine(r.Message))
	line.WriteString(h.attrs)
	tag := h.tag
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "component" {
			tag = a.Value.String()
			return true
		}
		render(line, h.prefix, a)
		return true
	})
	return h.lines.Timestamp(elionaLevel(r.Level), r.Time, oneLine(tag), line.String())
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	text := &strings.Builder{}
	for _, a := range attrs {
		if a.Key == "component" {
			c.tag = a.Value.String()
			continue
		}
		render(text, h.prefix, a)
	}
	c.attrs += text.String()
	return &c
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	c := *h
	c.prefix += name + "."
	return &c
}

func render(out *strings.Builder, prefix string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" { // the members of a group without a name stand for themselves
			prefix += a.Key + "."
		}
		for _, member := range value.Group() {
			render(out, prefix, member)
		}
		return
	}
	if a.Equal(slog.Attr{}) {
		return
	}
	fmt.Fprintf(out, " %s=%s", quoted(prefix+a.Key), quoted(value.String()))
}

// quoted puts a text in quotes that would not end where it ends.
func quoted(text string) string {
	if strings.ContainsAny(text, " \"=") || !printable(text) {
		return strconv.Quote(text)
	}
	return text
}

// oneLine escapes what would end a line, or do worse to a terminal.
func oneLine(text string) string {
	if printable(text) {
		return text
	}
	escaped := strconv.Quote(text)
	return escaped[1 : len(escaped)-1]
}

func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

func elionaLevel(level slog.Level) elionalog.Level {
	switch {
	case level >= levelFatal:
		return elionalog.FatalLevel
	case level >= slog.LevelError:
		return elionalog.ErrorLevel
	case level >= slog.LevelWarn:
		return elionalog.WarnLevel
	case level >= slog.LevelInfo:
		return elionalog.InfoLevel
	case level >= slog.LevelDebug:
		return elionalog.DebugLevel
	}
	return elionalog.TraceLevel
}
