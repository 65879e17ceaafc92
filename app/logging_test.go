package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ews/conf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// environment is what a process is started with.
func environment(pairs ...string) func(string) (string, bool) {
	values := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

// logged returns the texts, without level, time and tag, that log writes.
func logged(log func(*slog.Logger), env ...string) []string {
	var out bytes.Buffer
	log(NewLogger(&out, environment(env...)))
	var texts []string
	for line := range strings.Lines(out.String()) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 4)
		texts = append(texts, fields[len(fields)-1])
	}
	return texts
}

// record logs what the code itself never would.
func record(l *slog.Logger, text string, attrs ...slog.Attr) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, text, 0)
	r.AddAttrs(attrs...)
	_ = l.Handler().Handle(context.Background(), r)
}

func TestLinesHaveTheFormOfEliona(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := NewLogger(&out, environment("LOG_LEVEL", "trace"))
	for _, level := range []slog.Level{levelTrace, slog.LevelDebug, slog.LevelInfo, slog.LevelInfo + 1, slog.LevelWarn, slog.LevelError, levelFatal} {
		log.Log(t.Context(), level, "text")
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for i, level := range []string{"TRACE", "DEBUG", "INFO", "INFO", "WARNING", "ERROR", "FATAL"} {
		require.Regexp(t, `^`+level+`\t\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\tAPP\ttext$`, lines[i])
	}
	require.Len(t, lines, 7)

	out.Reset()
	at := time.Date(2026, 12, 1, 8, 5, 9, 1000, time.UTC)
	require.NoError(t, log.Handler().Handle(t.Context(), slog.NewRecord(at, slog.LevelInfo, "text", 0)))
	require.Equal(t, "INFO\t2026-12-01 08:05:09.000001\tAPP\ttext\n", out.String())
}

func TestTheLevelIsChosen(t *testing.T) {
	t.Parallel()
	all := []slog.Level{levelTrace, slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError, levelFatal}
	for value, want := range map[string]int{
		"trace": 6, "debug": 5, "info": 4, "warn": 3, "warning": 3, "WARN": 3, "Error": 2, "fatal": 1,
		"": 5, "verbose": 5, "not set": 4,
	} {
		env := []string{"LOG_LEVEL", value}
		if value == "not set" {
			env = nil
		}
		require.Len(t, logged(func(l *slog.Logger) {
			for _, level := range all {
				l.Log(t.Context(), level, "text")
			}
		}, env...), want, value)
	}
}

func TestTheComponentIsTheTag(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := NewLogger(&out, environment())
	log.With("component", "sync", "config", 7).Info("a", "room", "x")
	log.Info("b", "component", "api")
	log.With("component", "sync").Info("c", "component", "booking\tx\nINFO")
	tags := regexp.MustCompile(`(?m)\t([^\t]*)\t[^\t]*$`).FindAllStringSubmatch(out.String(), -1)
	require.Len(t, tags, 3)
	require.Equal(t, "SYNC", tags[0][1])
	require.Equal(t, "API", tags[1][1])
	require.Equal(t, `BOOKING\TX\NINFO`, tags[2][1])
	require.Contains(t, out.String(), "\ta config=7 room=x\n")
}

func TestAttributes(t *testing.T) {
	t.Parallel()
	for want, log := range map[string]func(*slog.Logger){
		`m n=1 d=2s err="not there" none=<nil> empty=`: func(l *slog.Logger) {
			l.Info("m", "n", 1, "d", 2*time.Second, "err", errors.New("not there"), "none", nil, "empty", "")
		},
		`m a=1 g.b=2 g.h.c=3 g.h.d=4`: func(l *slog.Logger) {
			l.With("a", 1).WithGroup("g").With("b", 2).WithGroup("h").With("c", 3).Info("m", "d", 4)
		},
		`m g.a=1 g.h.b=2 c=3`: func(l *slog.Logger) {
			l.Info("m", slog.Group("g", "a", 1, slog.Group("h", "b", 2)), slog.Group("", "c", 3), slog.Group("x"))
		},
		`m a=1`:                      func(l *slog.Logger) { l.WithGroup("").Info("m", "a", 1) },
		`m secret=********`:          func(l *slog.Logger) { l.Info("m", "secret", conf.Secret("forgotten")) },
		`m café=Zürich`:              func(l *slog.Logger) { l.Info("m", "café", "Zürich") },
		`m q="a\"b" e="a=b" k="c d"`: func(l *slog.Logger) { l.Info("m", "q", `a"b`, "e", "a=b", "k", "c d") },
		`m "my key"=1`: func(l *slog.Logger) {
			odd := strings.Join([]string{"my", "key"}, " ")
			record(l, "m", slog.Attr{Key: odd, Value: slog.IntValue(1)}, slog.Attr{})
		},
	} {
		require.Equal(t, []string{want}, logged(log))
	}
}

// Whatever comes from outside, a record stays one line and cannot be taken for
// another one.
func TestOneRecordIsOneLine(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{"a\nINFO\tb", "a\r\nb", "a\tb", "a\vb\fc", "\x1b[2Jx", "a\x00b", "a\u2028b\u2029c\u0085d", "\xff\xfe", "a\u202eb"} {
		texts := logged(func(l *slog.Logger) {
			record(l, "say "+evil, slog.Attr{Key: evil, Value: slog.StringValue(evil)})
			l.With("value", evil).WithGroup(evil).Info("say", "b", evil)
			l.Info("say", slog.Group(evil, "error", errors.New(evil)))
		})
		require.Len(t, texts, 3, "%q", evil)
		for _, text := range texts {
			require.True(t, strings.HasPrefix(text, "say"))
			require.True(t, printable(text), "%q", text)
		}
	}
}

func TestLoggersShareNoAttributes(t *testing.T) {
	t.Parallel()
	texts := logged(func(l *slog.Logger) {
		base := l.With("a", 1)
		one, two := base.With("b", 2), base.With("c", 3)
		one.Info("one")
		two.Info("two")
		base.Info("base")
	})
	require.Equal(t, []string{"one a=1 b=2", "two a=1 c=3", "base a=1"}, texts)
}
