package stage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCalmTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ took, stalled, want time.Duration }{
		"nobody waited":          {8 * time.Second, 0, 8 * time.Second},
		"for a quarter of it":    {8 * time.Second, 2 * time.Second, 7 * time.Second},
		"all the time":           {8 * time.Second, 8 * time.Second, 4 * time.Second},
		"counted in other steps": {8 * time.Second, 9 * time.Second, 4 * time.Second},
		"the count began anew":   {8 * time.Second, -time.Hour, 8 * time.Second},
	} {
		require.Equal(t, c.want, calm(c.took, c.stalled), name)
	}
}

func TestPressureStallInformation(t *testing.T) {
	t.Parallel()
	const pressure = "some avg10=74.33 avg60=65.73 avg300=41.52 total=15296384104\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
	require.Equal(t, 15296384104*time.Microsecond, parseStalled([]byte(pressure)))
	require.Zero(t, parseStalled(nil))
	require.Zero(t, parseStalled([]byte("none")))
}
