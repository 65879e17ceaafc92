package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

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

// Handle implements slog.Handler.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	line := &strings.Builder{}
	line.WriteString(r.Message)
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
	return h.lines.Timestamp(elionaLevel(r.Level), r.Time, tag, line.String())
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
	c := *h
	c.prefix += name + "."
	return &c
}

func render(out *strings.Builder, prefix string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		for _, member := range value.Group() {
			render(out, prefix+a.Key+".", member)
		}
		return
	}
	text := value.String()
	if strings.ContainsAny(text, " \t\r\n\"=") {
		text = fmt.Sprintf("%q", text)
	}
	fmt.Fprintf(out, " %s%s=%s", prefix, a.Key, text)
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
